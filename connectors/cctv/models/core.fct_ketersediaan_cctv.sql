/* ---
description: >-
  Ketersediaan siaran per kamera dan jam WIB. Tiap jam mempunyai 12 slot; slot tanpa hasil pemeriksaan adalah unknown
  dan tidak pernah dihitung mati. Kamera yang diharapkan pada suatu hari: yang ada pada log atau pada daftar hari itu.
grain: Satu baris per tanggal, jam WIB dan kamera
partition: tanggal
columns:
  tanggal: {description: Tanggal bisnis (WIB)., classification: public}
  jam: {description: Jam WIB 0 sampai 23., classification: public}
  id_kamera: {description: Nomor kamera., classification: public}
  probe_sah: {description: Slot yang diperiksa dengan hasil sah., satuan: slot, classification: public}
  up: {description: Siaran maju dan potongan video ada., satuan: slot, classification: public}
  frozen: {description: Daftar putar tidak maju., satuan: slot, classification: public}
  playlist_only: {description: "Daftar putar ada, potongan video tidak.", satuan: slot, classification: public}
  http_error: {description: Jawaban bukan daftar putar atau sambungan ditolak., satuan: slot, classification: public}
  timeout: {description: Tidak ada jawaban sampai tenggat., satuan: slot, classification: public}
  dns: {description: Nama host tidak dikenal., satuan: slot, classification: public}
  unknown: {description: Slot tanpa hasil sah; 12 dikurangi probe_sah., satuan: slot, classification: public}
  unknown_pemeriksa_mati: {description: Bagian unknown saat pemeriksa tidak berdenyut., satuan: slot, classification: public}
  uptime_persen: {description: 100 × up / probe_sah; kosong bila tidak ada probe sah., satuan: persen, classification: public}
  latensi_rerata_ms: {description: Rata-rata latensi siaran yang up., satuan: ms, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH log AS (
    -- Whole numbers instead of time zones: 7 hours ahead, slots of 300 s.
    SELECT
        tanggal,
        id_kamera,
        status,
        latensi_ms,
        _asal,
        CAST((epoch_us(waktu) // 1000000 + 25200) % 86400 // 300 AS INTEGER) AS slot
    FROM source.cctv__ketersediaan_cctv
),

denyut AS (
    SELECT tanggal, slot
    FROM log
    WHERE id_kamera = 0
    GROUP BY tanggal, slot
),

denyut_jam AS (
    SELECT tanggal, slot // 12 AS jam, count(*) AS jumlah
    FROM denyut
    GROUP BY tanggal, jam
),

hari AS (
    SELECT tanggal, max(_asal) AS asal_data
    FROM log
    GROUP BY tanggal
),

kamera AS (
    SELECT tanggal, id_kamera
    FROM log
    WHERE id_kamera > 0
    GROUP BY tanggal, id_kamera
    UNION
    SELECT tanggal_potret AS tanggal, id_kamera
    FROM source.cctv__kamera
),

hasil AS (
    SELECT
        l.tanggal,
        l.slot // 12 AS jam,
        l.id_kamera,
        count(*) AS probe_sah,
        count(*) FILTER (WHERE l.status = 'up') AS up,
        count(*) FILTER (WHERE l.status = 'frozen') AS frozen,
        count(*) FILTER (WHERE l.status = 'playlist_only') AS playlist_only,
        count(*) FILTER (WHERE l.status = 'http_error') AS http_error,
        count(*) FILTER (WHERE l.status = 'timeout') AS timeout,
        count(*) FILTER (WHERE l.status = 'dns') AS dns,
        count(*) FILTER (WHERE d.slot IS NULL) AS tanpa_denyut,
        avg(l.latensi_ms) FILTER (WHERE l.status = 'up') AS latensi_rerata_ms
    FROM log AS l
    LEFT JOIN denyut AS d ON d.tanggal = l.tanggal AND d.slot = l.slot
    WHERE l.id_kamera > 0
    GROUP BY l.tanggal, jam, l.id_kamera
)
SELECT
    k.tanggal,
    CAST(j.jam AS INTEGER) AS jam,
    k.id_kamera,
    CAST(coalesce(h.probe_sah, 0) AS INTEGER) AS probe_sah,
    CAST(coalesce(h.up, 0) AS INTEGER) AS up,
    CAST(coalesce(h.frozen, 0) AS INTEGER) AS frozen,
    CAST(coalesce(h.playlist_only, 0) AS INTEGER) AS playlist_only,
    CAST(coalesce(h.http_error, 0) AS INTEGER) AS http_error,
    CAST(coalesce(h.timeout, 0) AS INTEGER) AS timeout,
    CAST(coalesce(h.dns, 0) AS INTEGER) AS dns,
    CAST(12 - coalesce(h.probe_sah, 0) AS INTEGER) AS unknown,
    CAST(12 - coalesce(d.jumlah, 0) - coalesce(h.tanpa_denyut, 0) AS INTEGER) AS unknown_pemeriksa_mati,
    round(100.0 * h.up / nullif(h.probe_sah, 0), 2) AS uptime_persen,
    round(h.latensi_rerata_ms, 1) AS latensi_rerata_ms,
    y.asal_data
FROM hari AS y
INNER JOIN kamera AS k ON k.tanggal = y.tanggal
CROSS JOIN range(24) AS j (jam)
LEFT JOIN hasil AS h ON h.tanggal = k.tanggal AND h.jam = j.jam AND h.id_kamera = k.id_kamera
LEFT JOIN denyut_jam AS d ON d.tanggal = k.tanggal AND d.jam = j.jam
