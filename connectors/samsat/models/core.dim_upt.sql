/* ---
description: UPT Samsat dengan kabupaten/kota tempatnya. Kota Medan mempunyai dua UPT.
grain: Satu baris per UPT
columns:
  kode_upt: {description: "Kode UPT, dua angka; selalu teks.", classification: public}
  nama_upt: {description: Nama UPT., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota tempat UPT., classification: public}
  kode_kemendagri: {description: "Kode Kemendagri kabupaten/kota, misalnya 12.71; selalu teks.", classification: public}
  nama_wilayah: {description: Nama baku kabupaten/kota., classification: public}
  dasar: {description: sumber bila disebut sumber terbuka dan asumsi bila belum dipastikan., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    u.kode_upt,
    u.nama_upt,
    u.kode_bps,
    w.kode_kemendagri,
    coalesce(w.nama, u.nama_wilayah) AS nama_wilayah,
    u.dasar,
    u._asal AS asal_data
FROM source.samsat__upt AS u
LEFT JOIN core.dim_wilayah AS w ON w.kode_bps = u.kode_bps
