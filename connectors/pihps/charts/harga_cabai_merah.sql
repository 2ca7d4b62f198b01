/* ---
description: Harga cabai merah keriting di setiap pasar, 90 hari terakhir yang ada datanya.
grain: Satu baris per tanggal dan pasar
halaman: harga
urutan: 60
per: tanggal
gambar: true
tampil: [tanggal, pasar, harga]
susun: ["-tanggal", pasar]
baris: {pasar: pasar}
columns:
  tanggal: {description: Tanggal pemantauan (WIB)., classification: internal}
  pasar: {description: Nama pasar menurut PIHPS., classification: internal}
  harga: {description: Harga eceran., satuan: Rp/kg, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
SELECT
    tanggal,
    pasar,
    harga,
    asal_data,
    'pihps.harga_pangan_pasar' AS dataset,
    CAST(tanggal AS VARCHAR) AS partisi
FROM core.fct_harga_pangan_pasar
WHERE
    kode_sumber = 'com_14'
    AND tanggal > (SELECT max(tanggal) FROM core.fct_harga_pangan_pasar WHERE kode_sumber = 'com_14') - 90
ORDER BY tanggal, pasar
