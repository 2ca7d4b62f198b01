/* ---
description: >-
  HET dan HAP menurut keputusan dan masa berlakunya. Hanya baris yang dapat_dipakai boleh memberi warna pada harga, dan
  hanya untuk tanggal di dalam masa berlakunya; tanpa itu warna hanya dari status sumber.
grain: Satu baris per komoditas, jenis acuan, zona dan urutan penetapan
columns:
  kode_komoditas: {description: Kode kosakata bersama., classification: internal}
  nama_komoditas: {description: Nama komoditas., classification: internal}
  jenis: {description: "HET (harga eceran tertinggi) atau HAP (harga acuan penjualan).", classification: internal}
  zona: {description: "Zona HET 1, 2 atau 3; tanpa zona bila sumber tidak menyebutnya.", classification: internal}
  provinsi_zona: {description: Kode BPS provinsi yang masuk zona itu., classification: internal}
  urutan: {description: Urutan penetapan yang diketahui., classification: internal}
  harga_bawah: {description: Batas bawah; kosong bila acuan hanya batas atas., satuan: Rp per satuan, classification: internal}
  harga_atas: {description: Batas atas atau acuan tunggal., satuan: Rp per satuan, classification: internal}
  satuan: {description: "Satuan baku barang, kg atau liter.", classification: internal}
  berlaku_dari: {description: Tanggal mulai berlaku; kosong bila belum diketahui., classification: internal}
  berlaku_sampai: {description: Hari terakhir berlaku; kosong bila masih berlaku atau belum diketahui., classification: internal}
  ketelitian_berlaku: {description: "hari, tahun atau tidak diketahui.", classification: internal}
  keputusan: {description: Keputusan yang menetapkannya atau belum diketahui., classification: internal}
  dapat_dipakai: {description: Benar bila keputusan dan tanggal mulainya diketahui sampai hari., classification: internal}
  catatan: {description: Asal angka dan hal yang belum pasti., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
WITH zona AS (
    SELECT zona, list(kode_provinsi ORDER BY kode_provinsi) AS provinsi_zona
    FROM source.panel_harga__zona_het
    GROUP BY zona
)
SELECT
    p.kode_komoditas,
    a.nama_komoditas,
    a.jenis,
    a.zona,
    z.provinsi_zona,
    a.urutan,
    a.harga_bawah,
    a.harga_atas,
    replace(lower(a.satuan), 'rp/', '') AS satuan,
    a.berlaku_dari,
    a.berlaku_sampai,
    a.ketelitian_berlaku,
    a.keputusan,
    a.ketelitian_berlaku = 'hari' AND a.keputusan <> 'belum diketahui' AS dapat_dipakai,
    a.catatan,
    a._asal AS asal_data
FROM source.panel_harga__harga_acuan AS a
LEFT JOIN zona AS z ON z.zona = a.zona
LEFT JOIN source.komoditas__padanan AS p
    ON p.sumber = 'panel_harga' AND p.kesepadanan = 'exact' AND p.kode_sumber = a.kode_komoditas
