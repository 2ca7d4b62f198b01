/* ---
description: >-
  Harga rata-rata nasional; kategori (nomor Romawi) dan komoditas dibedakan, karena kategori mengulang rata-rata
  komoditasnya.
grain: Satu baris per tanggal dan barang
partition: tanggal
columns:
  tanggal: {description: Tanggal pemantauan., classification: internal}
  jenis_barang: {description: kategori atau komoditas., classification: internal}
  barang: {description: Nama kategori atau komoditas., classification: internal}
  harga: {description: Harga eceran., satuan: Rp/kg, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
SELECT
    tanggal,
    CASE WHEN regexp_full_match(nomor, '[IVX]+') THEN 'kategori' ELSE 'komoditas' END AS jenis_barang,
    barang,
    harga,
    _asal AS asal_data
FROM source.hargapangan__harga_nasional
