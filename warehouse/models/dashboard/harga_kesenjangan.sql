/* ---
description: >-
  Jarak harga antarkabupaten/kota pada tanggal tutup terakhir, per sumber dan barang: termurah, median dan termahal di
  antara yang melapor.
grain: Satu baris per sumber dan barang
judul: Kesenjangan harga antarwilayah
halaman: harga
urutan: 40
per: per_tanggal
tampil: [barang, satuan, sumber, termurah, wilayah_termurah, median, termahal, wilayah_termahal, kesenjangan, melapor]
susun: ["-kesenjangan"]
baris: {kode_varian: kode_sumber, kode_komoditas: kode_sumber}
columns:
  per_tanggal: {description: Tanggal tutup terakhir sumber., classification: internal}
  sumber: {description: panel_harga atau sp2kp., classification: internal}
  kode_sumber: {description: Kode barang menurut sumber., classification: internal}
  barang: {description: Nama barang., classification: internal}
  satuan: {description: Satuan barang., classification: internal}
  termurah: {description: Harga terendah., satuan: Rp per satuan, classification: internal}
  median: {description: Harga tengah., satuan: Rp per satuan, classification: internal}
  termahal: {description: Harga tertinggi., satuan: Rp per satuan, classification: internal}
  wilayah_termurah: {description: Salah satu wilayah dengan harga terendah., classification: internal}
  wilayah_termahal: {description: Salah satu wilayah dengan harga tertinggi., classification: internal}
  kesenjangan: {description: Termahal dikurangi termurah dibagi termurah., satuan: persen, classification: internal}
  melapor: {description: Kabupaten/kota yang melapor., satuan: kabupaten/kota, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
SELECT
    per_tanggal,
    sumber,
    kode_sumber,
    any_value(barang) AS barang,
    any_value(satuan) AS satuan,
    min(harga) AS termurah,
    CAST(median(harga) AS DECIMAL(18, 2)) AS median,
    max(harga) AS termahal,
    min_by(tempat, (harga, tempat)) AS wilayah_termurah,
    max_by(tempat, (harga, tempat)) AS wilayah_termahal,
    CAST(100 * (max(harga) - min(harga)) / min(harga) AS DECIMAL(12, 2)) AS kesenjangan,
    CAST(count(*) AS INTEGER) AS melapor,
    max(asal_data) AS asal_data,
    dataset,
    partisi
FROM dashboard.harga_perubahan
WHERE tingkat = 'kabkota' AND harga IS NOT NULL
GROUP BY per_tanggal, sumber, kode_sumber, dataset, partisi
