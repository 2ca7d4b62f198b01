/* ---
description: >-
  Keadaan terakhir setiap kamera yang terdaftar menurut jam terakhir yang diperiksa dalam tujuh hari, dan sejak kapan mati.
  Kamera tanpa pemeriksaan yang sah pada jam terakhir pemeriksa bekerja adalah tidak diketahui.
grain: Satu baris per kamera
halaman: cctv
urutan: 10
per: per_tanggal
tampil: [kamera, koridor, keadaan, mati_sejak, jam_mati, paling_sedikit, uptime_7_hari, cakupan_7_hari]
susun: ["-jam_mati", uptime_7_hari]
baris: {id_kamera: id_kamera}
columns:
  per_tanggal: {description: Tanggal terakhir yang ada pemeriksaannya., classification: public}
  per_jam: {description: Jam WIB terakhir pemeriksa bekerja., classification: public}
  id_kamera: {description: Nomor kamera., classification: public}
  kamera: {description: Sebutan kamera., classification: public}
  koridor: {description: Jalan pertama dalam nama kamera., classification: public}
  lintang: {description: Lintang (WGS 84)., satuan: derajat, classification: public}
  bujur: {description: Bujur (WGS 84)., satuan: derajat, classification: public}
  keadaan: {description: "siaran, terganggu, mati, atau tidak diketahui.", classification: public}
  mati_sejak: {description: Awal jam pertama dari jam-jam mati yang berturut-turut sampai sekarang; kosong bila tidak mati., classification: public}
  paling_sedikit: {description: Benar bila kamera sudah mati sebelum jendela tujuh hari ini., classification: public}
  jam_mati: {description: Jam sejak itu sampai akhir jam terakhir., satuan: jam, classification: public}
  uptime_7_hari: {description: Pemeriksaan yang berhasil di antara yang sah dalam tujuh hari., satuan: persen, classification: public}
  cakupan_7_hari: {description: Slot yang diperiksa dengan sah dalam tujuh hari., satuan: persen, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH jam AS (
    SELECT
        j.*,
        j.tanggal + to_hours(CAST(j.jam AS BIGINT)) AS waktu
    FROM dashboard.cctv_jam AS j
),

akhir AS (
    SELECT max(waktu) AS waktu, max(tanggal) AS per_tanggal, min(waktu) AS awal FROM jam WHERE probe_sah > 0
),

diperiksa AS (
    SELECT
        j.id_kamera,
        max(j.waktu) FILTER (WHERE j.keadaan IN ('siaran', 'terganggu')) AS terakhir_hidup,
        any_value(j.keadaan) FILTER (WHERE j.waktu = a.waktu) AS keadaan
    FROM jam AS j
    CROSS JOIN akhir AS a
    WHERE j.waktu <= a.waktu
    GROUP BY j.id_kamera
),

mati AS (
    SELECT d.id_kamera, min(j.waktu) AS mati_sejak, d.terakhir_hidup IS NULL AS paling_sedikit
    FROM diperiksa AS d
    INNER JOIN jam AS j
        ON j.id_kamera = d.id_kamera AND j.keadaan = 'mati' AND j.waktu > coalesce(d.terakhir_hidup, TIMESTAMP '1970-01-01')
    WHERE d.keadaan = 'mati'
    GROUP BY d.id_kamera, d.terakhir_hidup
),

mingguan AS (
    SELECT
        f.id_kamera,
        round(100.0 * sum(f.up) / nullif(sum(f.probe_sah), 0), 2) AS uptime_7_hari,
        round(100.0 * sum(f.probe_sah) / (288 * count(*)), 2) AS cakupan_7_hari
    FROM core.fct_ketersediaan_cctv_harian AS f
    INNER JOIN akhir AS a ON f.tanggal > a.per_tanggal - 7
    GROUP BY f.id_kamera
)
SELECT
    a.per_tanggal,
    CAST(hour(a.waktu) AS INTEGER) AS per_jam,
    k.id_kamera,
    coalesce(k.nama_lokal, k.nama_kamera) AS kamera,
    trim(regexp_replace(upper(split_part(k.nama_kamera, ' - ', 1)), '[^A-Z0-9]+', ' ', 'g')) AS koridor,
    k.lintang,
    k.bujur,
    coalesce(d.keadaan, 'tidak diketahui') AS keadaan,
    m.mati_sejak,
    m.paling_sedikit,
    CAST(date_diff('hour', m.mati_sejak, a.waktu) + 1 AS INTEGER) AS jam_mati,
    w.uptime_7_hari,
    w.cakupan_7_hari,
    k.asal_data,
    'cctv.ketersediaan_cctv' AS dataset,
    CAST(a.per_tanggal AS VARCHAR) AS partisi
FROM core.dim_kamera AS k
INNER JOIN akhir AS a ON a.waktu IS NOT NULL
LEFT JOIN diperiksa AS d ON d.id_kamera = k.id_kamera
LEFT JOIN mati AS m ON m.id_kamera = k.id_kamera
LEFT JOIN mingguan AS w ON w.id_kamera = k.id_kamera
WHERE k.terdaftar
