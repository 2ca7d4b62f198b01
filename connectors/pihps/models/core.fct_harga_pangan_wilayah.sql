/* ---
description: >-
  Rata-rata harga eceran harian per wilayah dari PIHPS, untuk kategori dan komoditas. Pilih satu tingkat dan satu
  jenis_barang; tingkat dan jenis tidak pernah dijumlahkan atau dirata-ratakan bersama.
grain: Satu baris per tanggal, tingkat, wilayah dan barang (kategori atau komoditas)
partition: tanggal
columns:
  tanggal: {description: Tanggal pemantauan (WIB)., classification: internal}
  tingkat: {description: provinsi atau kota., classification: internal}
  kode_bps: {description: Kode BPS wilayah., classification: internal}
  kode_kemendagri: {description: "Kode Kemendagri wilayah, misalnya 12.71; selalu teks.", classification: internal}
  nama_wilayah: {description: Nama wilayah menurut PIHPS., classification: internal}
  jenis_barang: {description: "kategori (rata-rata komoditasnya) atau komoditas.", classification: internal}
  kode_komoditas: {description: Kunci core.dim_komoditas; kosong bila belum ada padanan exact., classification: internal}
  kode_sumber: {description: "Id PIHPS, cat_1 sampai cat_10 atau com_1 sampai com_21.", classification: internal}
  nama_barang: {description: Nama menurut PIHPS., classification: internal}
  tingkat_harga: {description: Selalu eceran., classification: internal}
  harga: {description: Rata-rata harga eceran., satuan: Rp/kg, classification: internal}
  satuan: {description: Satuan harga., classification: internal}
  sumber: {description: Sumber harga., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
SELECT
    h.tanggal,
    h.tingkat,
    h.kode_bps,
    w.kode_kemendagri,
    h.nama_wilayah,
    h.jenis_barang,
    k.kode_komoditas,
    h.kode_barang AS kode_sumber,
    h.nama_barang,
    'eceran' AS tingkat_harga,
    h.harga,
    'Rp/kg' AS satuan,
    'pihps' AS sumber,
    h._asal AS asal_data
FROM source.pihps__harga_pangan_wilayah AS h
LEFT JOIN core.dim_wilayah AS w ON w.kode_bps = h.kode_bps
LEFT JOIN source.komoditas__padanan AS k
    ON k.sumber = 'pihps' AND k.kesepadanan = 'exact' AND k.kode_sumber = h.kode_barang
