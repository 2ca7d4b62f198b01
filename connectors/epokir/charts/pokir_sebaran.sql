/* ---
description: >-
  Usulan pokir menurut dapil, fraksi dan OPD pada potret terbaru: berapa yang masuk RKPD, masih berjalan, ditolak dan
  dibatalkan. Ketiga pengelompokan memuat usulan yang sama dan tidak dijumlahkan.
grain: Satu baris per tahun anggaran, pengelompokan, kelompok dan keadaan
halaman: pokir
urutan: 20
per: per_tanggal
tampil: [tahun_anggaran, kelompok, keadaan, jumlah, anggaran, rekom_tapd]
susun: ["-tahun_anggaran", "-jumlah"]
columns:
  per_tanggal: {description: Tanggal (WIB) potret., classification: public}
  tahun_anggaran: {description: Tahun anggaran yang dituju., classification: public}
  menurut: {description: "dapil, fraksi atau opd.", classification: public}
  kelompok: {description: "Nama dapil, fraksi atau OPD.", classification: public}
  keadaan: {description: "rkpd, berjalan, ditolak atau dibatalkan.", classification: public}
  urutan_keadaan: {description: Urutan gambar., classification: public}
  jumlah: {description: Banyak usulan., satuan: usulan, classification: public}
  anggaran: {description: Nilai yang diusulkan., satuan: Rp, classification: public}
  rekom_tapd: {description: Nilai rekomendasi TAPD., satuan: Rp, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH usulan AS (
    SELECT
        u.*,
        unnest([
            {'menurut': 'dapil', 'kelompok': coalesce(d.nama_dapil, 'belum diketahui')},
            {'menurut': 'fraksi', 'kelompok': coalesce(u.fraksi_dewan, 'belum diketahui')},
            {'menurut': 'opd', 'kelompok': u.nama_opd}
        ]) AS g
    FROM core.fct_usulan_pokir AS u
    LEFT JOIN core.dim_dapil AS d ON d.no_dapil = u.no_dapil
)
SELECT
    tanggal AS per_tanggal,
    tahun_anggaran,
    g.menurut AS menurut,
    g.kelompok AS kelompok,
    keadaan,
    CAST(CASE keadaan WHEN 'rkpd' THEN 1 WHEN 'berjalan' THEN 2 WHEN 'ditolak' THEN 3 ELSE 4 END AS INTEGER)
        AS urutan_keadaan,
    CAST(count(*) AS INTEGER) AS jumlah,
    CAST(sum(anggaran) AS DECIMAL(20, 2)) AS anggaran,
    CAST(sum(rekom_tapd) AS DECIMAL(20, 2)) AS rekom_tapd,
    asal_data,
    'epokir.usulan_pokir' AS dataset,
    CAST(tanggal AS VARCHAR) AS partisi
FROM usulan
GROUP BY ALL
