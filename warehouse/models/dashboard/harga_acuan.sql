/* ---
description: >-
  Selisih harga terhadap HET/HAP pada tanggal tutup terakhir, hanya untuk acuan yang keputusan dan tanggal berlakunya
  diketahui. Barang tanpa acuan seperti itu tidak diberi warna dan tidak ada di sini.
grain: Satu baris per sumber, tingkat, tempat dan barang yang berharga dan beracuan
judul: Harga terhadap HET/HAP
halaman: harga
urutan: 20
per: per_tanggal
tampil: [barang, tempat, sumber, tingkat, harga, satuan, jenis_acuan, harga_acuan, selisih_acuan, keputusan_acuan]
susun: ["-selisih_acuan"]
baris: {kode_kabupaten_kota: kode_bps}
columns:
  per_tanggal: {description: Tanggal tutup terakhir sumber., classification: internal}
  sumber: {description: "pihps, panel_harga atau sp2kp.", classification: internal}
  tingkat: {description: "pasar, kota, kabkota atau provinsi.", classification: internal}
  tempat: {description: Nama pasar atau wilayah., classification: internal}
  kode_bps: {description: Kode BPS wilayah., classification: internal}
  barang: {description: Nama barang., classification: internal}
  satuan: {description: Satuan barang., classification: internal}
  harga: {description: Harga., satuan: Rp per satuan, classification: internal}
  jenis_acuan: {description: HET atau HAP., classification: internal}
  harga_acuan: {description: Batas atas., satuan: Rp per satuan, classification: internal}
  selisih_acuan: {description: Selisih terhadap batas atas., satuan: persen, classification: internal}
  keputusan_acuan: {description: Keputusan yang menetapkannya., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
SELECT
    per_tanggal,
    sumber,
    tingkat,
    tempat,
    kode_bps,
    barang,
    satuan,
    harga,
    jenis_acuan,
    harga_acuan,
    selisih_acuan,
    keputusan_acuan,
    asal_data,
    dataset,
    partisi
FROM dashboard.harga_perubahan
WHERE harga IS NOT NULL AND harga_acuan IS NOT NULL
