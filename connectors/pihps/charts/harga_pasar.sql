/* ---
description: >-
  Perubahan harga setiap komoditas di setiap pasar pada tanggal tutup terakhir terhadap tanggal berharga sebelumnya; kosong
  bila salah satunya tidak dilaporkan.
grain: Satu baris per pasar dan komoditas
halaman: harga
urutan: 50
per: per_tanggal
tampil: [pasar, barang, harga, harga_harian, ubah_harian, ubah_mingguan]
susun: ["~ubah_harian"]
baris: {pasar: pasar}
columns:
  per_tanggal: {description: Tanggal tutup terakhir., classification: internal}
  tanggal_harian: {description: Tanggal pembanding., classification: internal}
  pasar: {description: Nama pasar menurut PIHPS., classification: internal}
  barang: {description: Nama komoditas., classification: internal}
  harga: {description: Harga; kosong bila belum dilaporkan., satuan: Rp/kg, classification: internal}
  harga_harian: {description: Harga pada tanggal pembanding., satuan: Rp/kg, classification: internal}
  ubah_harian: {description: Perubahan terhadapnya., satuan: persen, classification: internal}
  ubah_mingguan: {description: Perubahan terhadap 7–13 hari sebelumnya., satuan: persen, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
SELECT
    per_tanggal,
    tanggal_harian,
    tempat AS pasar,
    regexp_replace(barang, ' \(per kilogram\)$', '') AS barang,
    harga,
    harga_harian,
    ubah_harian,
    ubah_mingguan,
    asal_data,
    dataset,
    partisi
FROM dashboard.harga_perubahan
WHERE sumber = 'pihps' AND tingkat = 'pasar'
