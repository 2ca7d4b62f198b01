/* ---
description: >-
  Perubahan kamera dari potret ke potret: kamera baru, berganti nama, berpindah koordinat, hilang dari daftar.
  Dibandingkan dengan potret sebelumnya dalam 31 hari; kamera yang lebih lama tidak terlihat dicatat sebagai baru.
grain: Satu baris per tanggal dan kamera yang berubah
partition: tanggal
lookback_days: 31
columns:
  tanggal: {description: Tanggal potret yang pertama kali menunjukkan perubahan., classification: public}
  id_kamera: {description: Nomor kamera., classification: public}
  perubahan: {description: "baru, hilang, nama, koordinat, atau nama dan koordinat.", classification: public}
  tanggal_sebelum: {description: Tanggal potret pembanding., classification: public}
  nama_sebelum: {description: Nama sebelum perubahan., classification: public}
  nama_sesudah: {description: Nama sesudah perubahan., classification: public}
  lintang_sebelum: {description: Lintang sebelum perubahan., satuan: derajat, classification: public}
  lintang_sesudah: {description: Lintang sesudah perubahan., satuan: derajat, classification: public}
  bujur_sebelum: {description: Bujur sebelum perubahan., satuan: derajat, classification: public}
  bujur_sesudah: {description: Bujur sesudah perubahan., satuan: derajat, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH potret AS (
    SELECT
        tanggal_potret AS tanggal,
        lag(tanggal_potret) OVER (ORDER BY tanggal_potret) AS tanggal_sebelum,
        asal_data
    FROM (
        SELECT tanggal_potret, max(_asal) AS asal_data
        FROM source.cctv__kamera
        GROUP BY tanggal_potret
    )
),

sesudah AS (
    SELECT p.tanggal, p.tanggal_sebelum, k.id_kamera, k.nama_kamera, k.lintang, k.bujur
    FROM potret AS p
    INNER JOIN source.cctv__kamera AS k ON k.tanggal_potret = p.tanggal
),

sebelum AS (
    SELECT p.tanggal, p.tanggal_sebelum, k.id_kamera, k.nama_kamera, k.lintang, k.bujur
    FROM potret AS p
    INNER JOIN source.cctv__kamera AS k ON k.tanggal_potret = p.tanggal_sebelum
),

banding AS (
    SELECT
        coalesce(s.tanggal, b.tanggal) AS tanggal,
        coalesce(s.id_kamera, b.id_kamera) AS id_kamera,
        CASE
            WHEN b.id_kamera IS NULL THEN 'baru'
            WHEN s.id_kamera IS NULL THEN 'hilang'
            WHEN s.nama_kamera IS DISTINCT FROM b.nama_kamera
                AND (s.lintang IS DISTINCT FROM b.lintang OR s.bujur IS DISTINCT FROM b.bujur) THEN 'nama dan koordinat'
            WHEN s.nama_kamera IS DISTINCT FROM b.nama_kamera THEN 'nama'
            WHEN s.lintang IS DISTINCT FROM b.lintang OR s.bujur IS DISTINCT FROM b.bujur THEN 'koordinat'
        END AS perubahan,
        coalesce(s.tanggal_sebelum, b.tanggal_sebelum) AS tanggal_sebelum,
        b.nama_kamera AS nama_sebelum,
        s.nama_kamera AS nama_sesudah,
        b.lintang AS lintang_sebelum,
        s.lintang AS lintang_sesudah,
        b.bujur AS bujur_sebelum,
        s.bujur AS bujur_sesudah
    FROM sesudah AS s
    FULL JOIN sebelum AS b ON b.tanggal = s.tanggal AND b.id_kamera = s.id_kamera
)
SELECT b.*, p.asal_data
FROM banding AS b
INNER JOIN potret AS p ON p.tanggal = b.tanggal
WHERE b.perubahan IS NOT NULL
