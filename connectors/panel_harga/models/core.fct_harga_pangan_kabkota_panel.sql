/* ---
description: >-
  Potret harga pangan Panel Harga dengan kode wilayah baku. Tidak dilaporkan berarti harga kosong, bukan nol. Nilai
  pembanding ikut dimuat dan tidak dijadikan baris tanggalnya.
grain: Satu baris per tanggal potret, kabupaten/kota, komoditas Panel Harga dan tingkat harga
partition: tanggal
columns:
  tanggal: {description: Tanggal potret dalam WIB., classification: internal}
  kode_bps: {description: Kode BPS kabupaten/kota., classification: internal}
  kode_kemendagri: {description: "Kode Kemendagri kabupaten/kota dengan titik; selalu teks.", classification: internal}
  nama_wilayah: {description: Nama baku kabupaten/kota., classification: internal}
  kode_kota_panel: {description: Nomor kabupaten/kota menurut Panel Harga., classification: internal}
  kepastian_wilayah: {description: asumsi selama nomor kota belum dicocokkan dengan sumber., classification: internal}
  level_harga: {description: "Tingkat harga: produsen, grosir atau eceran.", classification: internal}
  kode_sumber: {description: Nomor komoditas menurut Panel Harga., classification: internal}
  nama_sumber: {description: Nama komoditas menurut Panel Harga., classification: internal}
  kode_komoditas: {description: Kode kosakata bersama; kosong bila tidak ada padanan exact., classification: internal}
  satuan: {description: Satuan baku barang; kg atau liter., classification: internal}
  harga: {description: Harga pada tanggal potret; kosong bila belum dilaporkan., satuan: Rp per satuan, classification: internal}
  dilaporkan: {description: Benar bila harga pada tanggal potret sudah dilaporkan., classification: internal}
  tanggal_pembanding: {description: Tanggal harga pembanding menurut sumber., classification: internal}
  harga_pembanding: {description: Harga pembanding menurut sumber., satuan: Rp per satuan, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
SELECT
    h.tanggal,
    w.kode_bps,
    w.kode_kemendagri,
    w.nama AS nama_wilayah,
    h.kode_kota AS kode_kota_panel,
    r.kepastian AS kepastian_wilayah,
    CASE h.level_harga_id WHEN 1 THEN 'produsen' WHEN 2 THEN 'grosir' WHEN 3 THEN 'eceran' END AS level_harga,
    h.kode_komoditas AS kode_sumber,
    h.nama_komoditas AS nama_sumber,
    p.kode_komoditas,
    CASE
        WHEN regexp_matches(lower(h.satuan), '/ ?kg$') THEN 'kg'
        WHEN regexp_matches(lower(h.satuan), '/ ?liter$') THEN 'liter'
    END AS satuan,
    h.harga,
    h.harga IS NOT NULL AS dilaporkan,
    h.tanggal_kemarin AS tanggal_pembanding,
    h.harga_kemarin AS harga_pembanding,
    h._asal AS asal_data
FROM source.panel_harga__harga_pangan_kabkota AS h
LEFT JOIN source.panel_harga__ref_kota AS r ON r.kode_kota = h.kode_kota
LEFT JOIN core.dim_wilayah AS w ON w.kode_bps = r.kode_kabupaten_kota
LEFT JOIN source.komoditas__padanan AS p
    ON p.sumber = 'panel_harga' AND p.kesepadanan = 'exact' AND p.kode_sumber = h.kode_komoditas
