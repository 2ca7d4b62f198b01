/* ---
description: >-
  Harga eceran harian komoditas pangan strategis per pasar tradisional menurut PIHPS Nasional (Bank Indonesia). Hari tanpa
  pengamatan tidak punya baris.
grain: Satu baris per tanggal, pasar dan komoditas
partition: tanggal
columns:
  kode_provinsi: {description: Kode BPS provinsi., classification: public}
  nama_provinsi: {description: Nama provinsi., classification: public}
  kode_kabupaten_kota: {description: Kode BPS kabupaten/kota letak pasar., classification: public}
  nama_kabupaten_kota: {description: Nama kabupaten/kota letak pasar., classification: public}
  pasar: {description: Nama pasar tradisional., classification: public}
  komoditas: {description: Nama komoditas., classification: public}
  harga: {description: Harga eceran., satuan: Rp/kg, classification: public}
  satuan: {description: Satuan harga., classification: public}
  tanggal: {description: Tanggal pemantauan (WIB)., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan (buatan) atau ulangan.", classification: public}
--- */
SELECT
    kota.kode_bps_provinsi AS kode_provinsi,
    upper(regexp_replace(provinsi.nama, '^Provinsi ', '')) AS nama_provinsi,
    h.kode_bps AS kode_kabupaten_kota,
    upper(kota.nama) AS nama_kabupaten_kota,
    h.pasar,
    k.nama_komoditas AS komoditas,
    h.harga,
    h.satuan,
    h.tanggal,
    h.asal_data
FROM core.fct_harga_pangan_pasar AS h
INNER JOIN core.dim_komoditas AS k ON k.kode_komoditas = h.kode_komoditas
LEFT JOIN core.dim_wilayah AS kota ON kota.kode_bps = h.kode_bps
LEFT JOIN core.dim_wilayah AS provinsi ON provinsi.kode_bps = kota.kode_bps_provinsi
