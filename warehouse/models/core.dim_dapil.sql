/* ---
description: Daerah pemilihan DPRD provinsi dengan wilayah dan kursinya.
grain: Satu baris per dapil
columns:
  no_dapil: {description: Nomor dapil DPRD provinsi., classification: public}
  nama_dapil: {description: Nama singkat dapil., classification: public}
  daftar_kode_bps: {description: Kode BPS kabupaten/kota di dalam dapil., classification: public}
  daftar_wilayah: {description: Nama kabupaten/kota di dalam dapil., classification: public}
  daftar_kecamatan: {description: Kecamatan dapil bila kabupaten/kotanya terbagi; kosong bila utuh., classification: public}
  penduduk: {description: Jumlah penduduk; kosong bila dapil memuat kabupaten/kota yang terbagi., satuan: jiwa, classification: public}
  kursi: {description: Kursi DPRD provinsi; kosong bila belum diketahui., satuan: kursi, classification: public}
  tahun_kursi: {description: Tahun pemilu angka kursi; kosong bila sumber tidak menyebutnya., classification: public}
  dasar: {description: sumber atau asumsi; asumsi bila salah satu barisnya asumsi., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH wilayah_dapil AS (
    SELECT
        d.no_dapil,
        min(d.nama_dapil) AS nama_dapil,
        list(d.kode_bps ORDER BY d.kode_bps) AS daftar_kode_bps,
        list(w.nama ORDER BY d.kode_bps) AS daftar_wilayah,
        CASE WHEN bool_and(d.cakupan = 'utuh') THEN CAST(sum(w.penduduk) AS BIGINT) END AS penduduk,
        CASE WHEN bool_or(d.dasar = 'asumsi') THEN 'asumsi' ELSE 'sumber' END AS dasar,
        max(d._asal) AS asal_data
    FROM source.referensi__dapil AS d
    LEFT JOIN source.referensi__wilayah AS w ON w.kode_bps = d.kode_bps
    GROUP BY d.no_dapil
),

kecamatan AS (
    SELECT no_dapil, list(nama ORDER BY kode_kemendagri) AS daftar_kecamatan
    FROM source.referensi__kecamatan_dapil
    GROUP BY no_dapil
)
SELECT
    wd.no_dapil,
    wd.nama_dapil,
    wd.daftar_kode_bps,
    wd.daftar_wilayah,
    k.daftar_kecamatan,
    wd.penduduk,
    s.kursi,
    s.tahun_pemilu AS tahun_kursi,
    wd.dasar,
    wd.asal_data
FROM wilayah_dapil AS wd
LEFT JOIN kecamatan AS k ON k.no_dapil = wd.no_dapil
LEFT JOIN source.referensi__kursi_dapil AS s ON s.no_dapil = wd.no_dapil
