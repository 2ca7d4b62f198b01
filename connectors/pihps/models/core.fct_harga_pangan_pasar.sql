/* ---
description: >-
  Harga eceran harian per pasar dan komoditas dari PIHPS. Bandingkan dengan sumber lain hanya lewat kode_komoditas, yang
  terisi bila padanannya exact.
grain: Satu baris per tanggal, pasar dan komoditas
partition: tanggal
columns:
  tanggal: {description: Tanggal pemantauan (WIB)., classification: internal}
  kode_bps: {description: Kode BPS kabupaten/kota letak pasar., classification: internal}
  kode_kemendagri: {description: "Kode Kemendagri kabupaten/kota letak pasar, misalnya 12.71; selalu teks.", classification: internal}
  kode_pasar: {description: Kunci core.dim_pasar; kosong bila pasar belum ada dalam rujukan., classification: internal}
  pasar: {description: Nama pasar menurut PIHPS., classification: internal}
  kode_komoditas: {description: Kunci core.dim_komoditas; kosong bila belum ada padanan exact., classification: internal}
  kode_sumber: {description: Id komoditas PIHPS (com_1 sampai com_21)., classification: internal}
  tingkat_harga: {description: Selalu eceran., classification: internal}
  harga: {description: Harga eceran., satuan: Rp/kg, classification: internal}
  satuan: {description: Satuan harga., classification: internal}
  sumber: {description: Sumber harga., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
SELECT
    h.tanggal,
    h.kode_bps,
    w.kode_kemendagri,
    p.kode_pasar,
    h.pasar,
    k.kode_komoditas,
    h.kode_komoditas AS kode_sumber,
    'eceran' AS tingkat_harga,
    h.harga,
    'Rp/kg' AS satuan,
    'pihps' AS sumber,
    h._asal AS asal_data
FROM source.pihps__harga_pangan_pasar AS h
LEFT JOIN core.dim_wilayah AS w ON w.kode_bps = h.kode_bps
LEFT JOIN core.dim_pasar AS p ON p.kode_bps = h.kode_bps AND p.nama_pasar = h.pasar
LEFT JOIN source.komoditas__padanan AS k
    ON k.sumber = 'pihps' AND k.kesepadanan = 'exact' AND k.kode_sumber = h.kode_komoditas
