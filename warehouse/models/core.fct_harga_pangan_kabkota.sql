/* ---
description: >-
  Harga pangan kabupaten/kota dari semua sumber, masing-masing dengan namanya. Sumber tidak digabung atau dirata-ratakan;
  harga dua sumber hanya sebanding bila kode_komoditas (padanan exact) dan satuannya sama.
grain: Satu baris per tanggal, sumber, kabupaten/kota, komoditas sumber dan tingkat harga
partition: tanggal
columns:
  tanggal: {description: Tanggal harga dalam WIB., classification: internal}
  sumber: {description: "Sumber harga: panel_harga atau sp2kp.", classification: internal}
  kode_bps: {description: Kode BPS kabupaten/kota., classification: internal}
  kode_kemendagri: {description: "Kode Kemendagri kabupaten/kota dengan titik; selalu teks.", classification: internal}
  nama_wilayah: {description: Nama baku kabupaten/kota., classification: internal}
  level_harga: {description: "Tingkat harga: produsen, grosir atau eceran.", classification: internal}
  kode_sumber: {description: Kode komoditas menurut sumbernya., classification: internal}
  nama_sumber: {description: Nama komoditas menurut sumbernya., classification: internal}
  kode_komoditas: {description: Kode kosakata bersama; kosong bila tidak ada padanan exact atau satuannya lain., classification: internal}
  satuan: {description: Satuan barang yang dihargai., classification: internal}
  harga: {description: Harga; kosong bila tidak dilaporkan., satuan: Rp per satuan, classification: internal}
  dilaporkan: {description: Benar bila harga dilaporkan., classification: internal}
  tanggal_pembanding: {description: Tanggal harga pembanding menurut sumber., classification: internal}
  harga_pembanding: {description: Harga pembanding menurut sumber., satuan: Rp per satuan, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
WITH gabungan AS (
    SELECT
        tanggal, 'panel_harga' AS sumber, kode_bps, kode_kemendagri, nama_wilayah, level_harga, kode_sumber, nama_sumber,
        kode_komoditas, satuan, harga, dilaporkan, tanggal_pembanding, harga_pembanding, asal_data
    FROM core.fct_harga_pangan_kabkota_panel
    UNION ALL
    SELECT
        tanggal, 'sp2kp' AS sumber, kode_bps, kode_kemendagri, nama_wilayah, level_harga, kode_sumber, nama_sumber,
        kode_komoditas, satuan, harga, dilaporkan, tanggal_pembanding, harga_pembanding, asal_data
    FROM core.fct_harga_pangan_kabkota_sp2kp
)
SELECT
    g.tanggal,
    g.sumber,
    g.kode_bps,
    g.kode_kemendagri,
    g.nama_wilayah,
    g.level_harga,
    g.kode_sumber,
    g.nama_sumber,
    k.kode_komoditas,
    g.satuan,
    g.harga,
    g.dilaporkan,
    g.tanggal_pembanding,
    g.harga_pembanding,
    g.asal_data
FROM gabungan AS g
LEFT JOIN core.dim_komoditas AS k ON k.kode_komoditas = g.kode_komoditas AND k.satuan = g.satuan
