/* ---
description: >-
  Gangguan layanan air yang belum selesai dan tidak ditolak menurut data terakhir, dengan cabang dan kecamatan yang
  terdampak.
grain: Satu baris per gangguan yang belum selesai
judul: Gangguan yang belum selesai
halaman: air
urutan: 30
per: per_tanggal
tampil: [nomor, mulai, hari_berjalan, cabang, kecamatan, jenis, status, pelanggan_terdampak]
susun: ["-pelanggan_terdampak"]
baris: {nomor: nomor}
columns:
  per_tanggal: {description: Tanggal terakhir yang ada datanya., classification: public}
  nomor: {description: Nomor gangguan., classification: public}
  mulai: {description: Waktu mulai., classification: public}
  hari_berjalan: {description: Hari sejak tanggal mulai sampai tanggal terakhir., satuan: hari, classification: public}
  cabang: {description: Nama cabang., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota cabang., classification: public}
  kecamatan: {description: Kecamatan yang terdampak., classification: public}
  jenis: {description: Jenis gangguan., classification: public}
  status: {description: Status penanganan., classification: public}
  pelanggan_terdampak: {description: Perkiraan pelanggan yang terdampak., satuan: pelanggan, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH akhir AS (
    SELECT max(tanggal) AS per_tanggal FROM core.fct_gangguan_air
)
SELECT
    a.per_tanggal,
    g.nomor,
    g.mulai,
    CAST(a.per_tanggal - g.tanggal AS INTEGER) AS hari_berjalan,
    g.nama_cabang AS cabang,
    g.kode_bps,
    array_to_string(g.daftar_kecamatan, ', ') AS kecamatan,
    g.jenis,
    g.status,
    g.pelanggan_terdampak,
    g.asal_data,
    'tirtanadi.gangguan_air' AS dataset,
    CAST(g.tanggal AS VARCHAR) AS partisi
FROM core.fct_gangguan_air AS g
CROSS JOIN akhir AS a
WHERE g.selesai IS NULL AND g.status NOT IN ('Selesai', 'Ditolak')
