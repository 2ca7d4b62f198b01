/* ---
description: Produksi air harian setiap instalasi pengolahan air (IPA), dengan mutu air hasil.
grain: Satu baris per tanggal dan instalasi
halaman: air
urutan: 20
per: tanggal
partition: tanggal
tampil: [tanggal, ipa, produksi_m3, air_baku_m3, kekeruhan_ntu]
susun: ["-tanggal", ipa]
baris: {ipa: ipa}
columns:
  tanggal: {description: Tanggal produksi (WIB)., classification: public}
  ipa: {description: Nama instalasi., classification: public}
  produksi_m3: {description: Air yang diproduksi., satuan: m3, classification: public}
  air_baku_m3: {description: Air baku yang diambil., satuan: m3, classification: public}
  kekeruhan_ntu: {description: Kekeruhan air hasil; kosong bila tidak diukur., satuan: NTU, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
SELECT
    tanggal,
    nama_ipa AS ipa,
    produksi_m3,
    air_baku_m3,
    kekeruhan_ntu,
    asal_data,
    'tirtanadi.produksi_air' AS dataset,
    CAST(tanggal AS VARCHAR) AS partisi
FROM core.fct_produksi_air
