/* ---
description: Harga eceran SP2KP dengan kode wilayah baku. Tidak dilaporkan berarti harga kosong, bukan nol.
grain: Satu baris per tanggal, kabupaten/kota dan varian SP2KP
partition: tanggal
columns:
  tanggal: {description: Tanggal harga dalam WIB., classification: internal}
  kode_bps: {description: Kode BPS kabupaten/kota., classification: internal}
  kode_kemendagri: {description: "Kode Kemendagri kabupaten/kota dengan titik; selalu teks.", classification: internal}
  nama_wilayah: {description: Nama baku kabupaten/kota., classification: internal}
  level_harga: {description: "Tingkat harga; SP2KP selalu eceran.", classification: internal}
  kode_sumber: {description: Nomor varian menurut SP2KP., classification: internal}
  nama_sumber: {description: Nama varian menurut SP2KP., classification: internal}
  kode_komoditas: {description: Kode kosakata bersama; kosong bila tidak ada padanan exact., classification: internal}
  satuan: {description: "Satuan barang: kg, liter, atau sebagaimana ditulis sumber.", classification: internal}
  harga: {description: Rata-rata harga; kosong bila tidak dilaporkan., satuan: Rp per satuan, classification: internal}
  dilaporkan: {description: Benar bila harga dilaporkan., classification: internal}
  tanggal_pembanding: {description: Tanggal harga pembanding yang diminta., classification: internal}
  harga_pembanding: {description: Harga pada tanggal pembanding., satuan: Rp per satuan, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
SELECT
    h.tanggal,
    coalesce(w.kode_bps, h.kode_kabupaten_kota) AS kode_bps,
    w.kode_kemendagri,
    coalesce(w.nama, h.nama_kabupaten_kota) AS nama_wilayah,
    'eceran' AS level_harga,
    h.kode_varian AS kode_sumber,
    h.nama_varian AS nama_sumber,
    p.kode_komoditas,
    CASE WHEN h.satuan IN ('lt', 'liter') THEN 'liter' ELSE h.satuan END AS satuan,
    h.harga,
    h.harga IS NOT NULL AS dilaporkan,
    h.tanggal_pembanding,
    h.harga_pembanding,
    h._asal AS asal_data
FROM source.sp2kp__harga_pangan_kabkota AS h
LEFT JOIN core.dim_wilayah AS w ON w.kode_bps = h.kode_kabupaten_kota
LEFT JOIN source.komoditas__padanan AS p
    ON p.sumber = 'sp2kp' AND p.kesepadanan = 'exact' AND p.kode_sumber = h.nama_varian
