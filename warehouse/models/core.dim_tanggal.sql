/* ---
description: >-
  Kalender 2017 sampai 2035 dalam tanggal WIB. Libur memuat hanya yang ada di referensi.hari_libur; sebelum libur SKB suatu
  tahun dimasukkan, hari_kerja tahun itu adalah batas atas.
grain: Satu baris per tanggal
columns:
  tanggal: {description: Tanggal dalam WIB., classification: public}
  tahun: {description: Tahun., classification: public}
  triwulan: {description: Triwulan 1 sampai 4., classification: public}
  bulan: {description: Bulan 1 sampai 12., classification: public}
  nama_bulan: {description: Nama bulan dalam bahasa Indonesia., classification: public}
  awal_bulan: {description: Tanggal pertama bulan itu; sama dengan kunci data bulanan., classification: public}
  hari_ke: {description: Hari ke berapa dalam bulan., classification: public}
  hari_pekan: {description: "Hari dalam pekan menurut ISO 8601: 1 Senin sampai 7 Minggu.", classification: public}
  nama_hari: {description: Nama hari dalam bahasa Indonesia., classification: public}
  tahun_pekan: {description: Tahun pekan ISO 8601; dapat berbeda dari tahun di ujung tahun., classification: public}
  pekan: {description: Nomor pekan ISO 8601., classification: public}
  libur: {description: Benar bila tanggal adalah libur nasional yang tercatat., classification: public}
  nama_libur: {description: Nama libur., classification: public}
  hari_kerja: {description: Benar bila Senin sampai Jumat dan bukan libur yang tercatat., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH hari AS (
    SELECT CAST(r.hari AS DATE) AS tanggal
    FROM range(DATE '2017-01-01', DATE '2036-01-01', INTERVAL 1 DAY) AS r (hari)
)
SELECT
    h.tanggal,
    CAST(year(h.tanggal) AS INTEGER) AS tahun,
    CAST(quarter(h.tanggal) AS INTEGER) AS triwulan,
    CAST(month(h.tanggal) AS INTEGER) AS bulan,
    [
        'Januari', 'Februari', 'Maret', 'April', 'Mei', 'Juni',
        'Juli', 'Agustus', 'September', 'Oktober', 'November', 'Desember'
    ][month(h.tanggal)] AS nama_bulan,
    CAST(date_trunc('month', h.tanggal) AS DATE) AS awal_bulan,
    CAST(day(h.tanggal) AS INTEGER) AS hari_ke,
    CAST(isodow(h.tanggal) AS INTEGER) AS hari_pekan,
    ['Senin', 'Selasa', 'Rabu', 'Kamis', 'Jumat', 'Sabtu', 'Minggu'][isodow(h.tanggal)] AS nama_hari,
    CAST(isoyear(h.tanggal) AS INTEGER) AS tahun_pekan,
    CAST(week(h.tanggal) AS INTEGER) AS pekan,
    l.tanggal IS NOT NULL AS libur,
    l.nama AS nama_libur,
    isodow(h.tanggal) <= 5 AND l.tanggal IS NULL AS hari_kerja,
    coalesce(l._asal, 'resmi') AS asal_data
FROM hari AS h
LEFT JOIN source.referensi__hari_libur AS l ON l.tanggal = h.tanggal
