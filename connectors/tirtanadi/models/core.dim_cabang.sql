/* ---
description: Cabang Perumda Tirtanadi dengan zona dan kabupaten/kota bila diketahui.
grain: Satu baris per cabang
columns:
  kode_cabang: {description: Kode cabang., classification: public}
  nama_cabang: {description: Nama cabang., classification: public}
  nama_lama: {description: Nama dalam daftar yang lebih lama., classification: public}
  zona: {description: "1 Medan, 2 di luar Medan; kosong bila belum pasti.", classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota; kosong bila belum pasti., classification: public}
  kode_kemendagri: {description: "Kode Kemendagri kabupaten/kota; selalu teks.", classification: public}
  nama_wilayah: {description: Nama baku kabupaten/kota., classification: public}
  dasar: {description: sumber bila disebut sumber terbuka dan asumsi bila belum dipastikan., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    c.kode_cabang,
    c.nama_cabang,
    c.nama_lama,
    c.zona,
    c.kode_bps,
    w.kode_kemendagri,
    w.nama AS nama_wilayah,
    c.dasar,
    c._asal AS asal_data
FROM source.tirtanadi__cabang AS c
LEFT JOIN core.dim_wilayah AS w ON w.kode_bps = c.kode_bps
