/* ---
description: Harga per pasar dan komoditas untuk lembar harga, dengan nama, urutan cetak dan cakupan yang diharapkan.
grain: Satu baris per tanggal, pasar dan komoditas
columns:
  tanggal: {description: Tanggal pemantauan (WIB)., classification: internal}
  kota: {description: Kota letak pasar., classification: internal}
  pasar: {description: Nama pasar., classification: internal}
  kode: {description: Id komoditas menurut PIHPS., classification: internal}
  komoditas: {description: Nama komoditas., classification: internal}
  urutan: {description: Urutan komoditas menurut PIHPS., classification: internal}
  harga: {description: Harga eceran., satuan: Rp/kg, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  pasar_rujukan: {description: Banyaknya pasar dalam rujukan., classification: internal}
  komoditas_rujukan: {description: Banyaknya komoditas dalam rujukan., classification: internal}
--- */
SELECT
    h.tanggal,
    p.kota,
    h.pasar,
    h.kode_sumber AS kode,
    -- The unit stands in the sheet's heading.
    regexp_replace(coalesce(k.nama_komoditas, b.nama_barang, h.kode_sumber), ' \(per kilogram\)$', '') AS komoditas,
    coalesce(golongan.urutan * 100 + b.urutan, 99999) AS urutan,
    h.harga,
    h.asal_data,
    (SELECT count(*) FROM source.pihps__ref_pasar) AS pasar_rujukan,
    (SELECT count(*) FROM source.pihps__ref_komoditas WHERE kode_kategori IS NOT NULL) AS komoditas_rujukan
FROM core.fct_harga_pangan_pasar AS h
LEFT JOIN source.pihps__ref_pasar AS p ON p.kode_bps = h.kode_bps AND p.pasar = h.pasar
LEFT JOIN source.pihps__ref_komoditas AS b ON b.kode_barang = h.kode_sumber
LEFT JOIN source.pihps__ref_komoditas AS golongan ON golongan.kode_barang = b.kode_kategori
LEFT JOIN core.dim_komoditas AS k ON k.kode_komoditas = h.kode_komoditas
