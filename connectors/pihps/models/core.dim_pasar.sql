/* ---
description: Pasar tradisional yang harganya dipantau, dengan wilayahnya menurut BPS dan Kemendagri.
grain: Satu baris per pasar
columns:
  kode_pasar: {description: Id pasar menurut PIHPS., classification: public}
  nama_pasar: {description: Nama pasar menurut PIHPS., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota letak pasar., classification: public}
  kode_kemendagri: {description: "Kode Kemendagri kabupaten/kota letak pasar, misalnya 12.71; selalu teks.", classification: public}
  nama_wilayah: {description: Nama baku kabupaten/kota letak pasar., classification: public}
  sumber: {description: Sumber pemantauan., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    p.kode_pasar,
    p.pasar AS nama_pasar,
    p.kode_bps,
    w.kode_kemendagri,
    w.nama AS nama_wilayah,
    'pihps' AS sumber,
    p._asal AS asal_data
FROM source.pihps__ref_pasar AS p
LEFT JOIN core.dim_wilayah AS w ON w.kode_bps = p.kode_bps
