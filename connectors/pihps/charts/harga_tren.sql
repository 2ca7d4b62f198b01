/* ---
description: >-
  Deret harga harian PIHPS per wilayah dan barang. Pilih satu tingkat, satu wilayah dan satu barang; tingkat dan jenis
  barang tidak pernah digabung.
grain: Satu baris per tanggal, tingkat, wilayah dan barang
halaman: harga
urutan: 70
per: tanggal
partition: tanggal
tampil: [tanggal, wilayah, barang, harga]
susun: ["-tanggal", wilayah]
baris: {kode_barang: kode_sumber, kode_bps: kode_bps}
columns:
  tanggal: {description: Tanggal pemantauan (WIB)., classification: internal}
  tingkat: {description: provinsi atau kota., classification: internal}
  kode_bps: {description: Kode BPS wilayah., classification: internal}
  wilayah: {description: Nama wilayah menurut PIHPS., classification: internal}
  jenis_barang: {description: kategori atau komoditas., classification: internal}
  kode_sumber: {description: Id PIHPS., classification: internal}
  barang: {description: Nama menurut PIHPS., classification: internal}
  harga: {description: Rata-rata harga eceran., satuan: Rp/kg, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
SELECT
    tanggal,
    tingkat,
    kode_bps,
    nama_wilayah AS wilayah,
    jenis_barang,
    kode_sumber,
    nama_barang AS barang,
    harga,
    asal_data,
    'pihps.harga_pangan_wilayah' AS dataset,
    CAST(tanggal AS VARCHAR) AS partisi
FROM core.fct_harga_pangan_wilayah
