/* ---
description: >-
  Rata-rata geometrik harga eceran provinsi menurut Panel Harga, dengan status aman/waspada/intervensi yang ditetapkan
  sumber. Status yang tidak dikenal dibiarkan kosong; tidak ada status yang dihitung di sini.
grain: Satu baris per tanggal, provinsi, komoditas Panel Harga dan tingkat harga
partition: tanggal
columns:
  tanggal: {description: Tanggal harga dalam WIB., classification: internal}
  kode_bps: {description: Kode BPS provinsi; kosong untuk provinsi di luar dim_wilayah., classification: internal}
  kode_kemendagri: {description: Kode Kemendagri provinsi; kosong untuk provinsi di luar dim_wilayah., classification: internal}
  nama_provinsi: {description: Nama provinsi menurut sumber., classification: internal}
  level_harga: {description: "Tingkat harga: produsen, grosir atau eceran.", classification: internal}
  kode_sumber: {description: Nomor komoditas menurut Panel Harga., classification: internal}
  kode_komoditas: {description: Kode kosakata bersama; kosong bila tidak ada padanan exact., classification: internal}
  harga: {description: "Rata-rata geometrik, dibulatkan ke dua desimal.", satuan: Rp per satuan, classification: internal}
  status: {description: "Status menurut sumber: aman, waspada atau intervensi.", classification: internal}
  harga_acuan: {description: HPP/HAP/HET yang dipakai sumber., satuan: Rp per satuan, classification: internal}
  selisih_acuan_persen: {description: Selisih terhadap acuan menurut sumber., satuan: persen, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
SELECT
    h.tanggal,
    w.kode_bps,
    w.kode_kemendagri,
    h.nama_provinsi,
    CASE h.level_harga_id WHEN 1 THEN 'produsen' WHEN 2 THEN 'grosir' WHEN 3 THEN 'eceran' END AS level_harga,
    h.kode_komoditas AS kode_sumber,
    p.kode_komoditas,
    CAST(h.harga_rata_geometrik AS DECIMAL(18, 2)) AS harga,
    CASE WHEN h.status_peta IN ('aman', 'waspada', 'intervensi') THEN h.status_peta END AS status,
    h.harga_acuan,
    h.selisih_acuan_persen,
    h._asal AS asal_data
FROM source.panel_harga__harga_pangan_provinsi_peta AS h
LEFT JOIN core.dim_wilayah AS w ON w.jenis = 'provinsi' AND w.nama = 'Provinsi ' || h.nama_provinsi
LEFT JOIN source.komoditas__padanan AS p
    ON p.sumber = 'panel_harga' AND p.kesepadanan = 'exact' AND p.kode_sumber = h.kode_komoditas
