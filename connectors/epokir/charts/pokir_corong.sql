/* ---
description: >-
  Corong usulan pokir pada potret terbaru: berapa usulan dan nilainya yang sampai pada setiap tahap, dari usulan ke RKPD,
  menurut dapil, fraksi dan OPD. Satu usulan dihitung pada semua tahap yang dilewatinya: antar tahap dibandingkan, tidak
  dijumlahkan.
grain: Satu baris per tahun anggaran, dapil, fraksi, OPD dan tahap
halaman: pokir
urutan: 10
per: per_tanggal
tampil: [tahun_anggaran, dapil, fraksi, opd, tahap, jumlah, nilai, ditolak, dibatalkan]
susun: ["-tahun_anggaran", urutan_tahap, dapil]
columns:
  per_tanggal: {description: Tanggal (WIB) potret., classification: public}
  tahun_anggaran: {description: Tahun anggaran yang dituju., classification: public}
  no_dapil: {description: Dapil lokasi usulan; kosong bila tidak dapat ditentukan., classification: public}
  dapil: {description: Nama dapil atau belum diketahui., classification: public}
  fraksi: {description: Fraksi pengusul., classification: public}
  kode_opd: {description: Kode SKPD tujuan menurut SIPD., classification: public}
  opd: {description: Nama OPD tujuan., classification: public}
  tahap: {description: "usulan, setwan, mitra, skpd, tapd atau rkpd.", classification: public}
  urutan_tahap: {description: Urutan tahap 1 (usulan) sampai 6 (rkpd)., classification: public}
  jumlah: {description: Usulan yang sampai pada tahap ini., satuan: usulan, classification: public}
  nilai: {description: "Nilai pada tahap ini: yang diusulkan, yang direkomendasikan, atau rekomendasi TAPD untuk rkpd.", satuan: Rp, classification: public}
  ditolak: {description: Dari usulan itu yang kemudian ditolak., satuan: usulan, classification: public}
  dibatalkan: {description: Dari usulan itu yang kemudian dibatalkan., satuan: usulan, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH tahap AS (
    SELECT unnest([1, 2, 3, 4, 5, 6]) AS urutan_tahap
)
SELECT
    u.tanggal AS per_tanggal,
    u.tahun_anggaran,
    u.no_dapil,
    coalesce(any_value(d.nama_dapil), 'belum diketahui') AS dapil,
    coalesce(u.fraksi_dewan, 'belum diketahui') AS fraksi,
    u.kode_opd,
    any_value(u.nama_opd) AS opd,
    ['usulan', 'setwan', 'mitra', 'skpd', 'tapd', 'rkpd'][t.urutan_tahap] AS tahap,
    t.urutan_tahap,
    CAST(count(*) AS INTEGER) AS jumlah,
    CAST(
        sum([u.anggaran, u.rekom_setwan, u.rekom_mitra, u.rekom_skpd, u.rekom_tapd, u.rekom_tapd][t.urutan_tahap])
        AS DECIMAL(20, 2)
    ) AS nilai,
    CAST(count(*) FILTER (WHERE u.keadaan = 'ditolak') AS INTEGER) AS ditolak,
    CAST(count(*) FILTER (WHERE u.keadaan = 'dibatalkan') AS INTEGER) AS dibatalkan,
    u.asal_data,
    'epokir.usulan_pokir' AS dataset,
    CAST(u.tanggal AS VARCHAR) AS partisi
FROM core.fct_usulan_pokir AS u
INNER JOIN tahap AS t ON t.urutan_tahap <= u.urutan_tahap
LEFT JOIN core.dim_dapil AS d ON d.no_dapil = u.no_dapil
GROUP BY u.tanggal, u.tahun_anggaran, u.no_dapil, u.fraksi_dewan, u.kode_opd, t.urutan_tahap, u.asal_data
