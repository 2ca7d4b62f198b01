/* ---
judul: Harga pangan harian per pasar
description: >-
  Harga eceran harian komoditas pangan strategis per pasar tradisional menurut PIHPS Nasional (Bank Indonesia). Hari tanpa
  pengamatan tidak punya baris.
grain: Satu baris per tanggal, pasar dan komoditas
partition: tanggal
kunci: [tanggal, kode_kabupaten_kota, pasar, komoditas]
wajib: [kode_provinsi, nama_provinsi, nama_kabupaten_kota, harga, satuan]
topik: [ekonomi, pangan, harga]
lisensi: CC0-1.0
dasar_publikasi: >-
  Hanya baris data tiruan, yang dibuat sistem ini sendiri untuk memperagakan penerbitan. Baris PIHPS (resmi dan ulangan)
  tetap internal, karena lisensi sumbernya tidak dinyatakan.
asal_terbit: [tiruan]
catatan: Harga pada hari dan pasar berbeda dapat dibandingkan untuk komoditas yang sama; jangan menjumlahkan antarkomoditas.
columns:
  kode_provinsi: {description: Kode BPS provinsi; teks., classification: public}
  nama_provinsi: {description: Nama provinsi., classification: public}
  kode_kabupaten_kota: {description: Kode BPS kabupaten/kota letak pasar; teks., classification: public}
  nama_kabupaten_kota: {description: Nama kabupaten/kota letak pasar., classification: public}
  pasar: {description: Nama pasar tradisional., classification: public}
  komoditas: {description: "Nama komoditas dalam kosakata bersama; bila belum ada padanannya, nama menurut PIHPS.", classification: public}
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
    coalesce(k.nama_komoditas, b.nama_barang) AS komoditas,
    h.harga,
    h.satuan,
    h.tanggal,
    h.asal_data
FROM core.fct_harga_pangan_pasar AS h
LEFT JOIN core.dim_komoditas AS k ON k.kode_komoditas = h.kode_komoditas
LEFT JOIN source.pihps__ref_komoditas AS b ON b.kode_barang = h.kode_sumber
LEFT JOIN core.dim_wilayah AS kota ON kota.kode_bps = h.kode_bps
LEFT JOIN core.dim_wilayah AS provinsi ON provinsi.kode_bps = kota.kode_bps_provinsi
