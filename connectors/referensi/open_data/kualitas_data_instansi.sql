WITH provinsi AS (
    SELECT kode_provinsi, nama_provinsi
    FROM core.dim_kabkota
    GROUP BY kode_provinsi, nama_provinsi
),

upaya AS (
    -- Business dates are WIB: 7 hours ahead of UTC, in whole numbers instead of time zones.
    SELECT
        *,
        DATE '1970-01-01' + CAST((epoch_us(mulai) // 1000000 + 25200) // 86400 AS INTEGER) AS hari_mulai,
        DATE '1970-01-01' + CAST((epoch_us(selesai) // 1000000 + 25200) // 86400 AS INTEGER) AS hari_selesai,
        status IN ('diterima', 'tidak_berubah', 'kosong') AS baik
    FROM ops.hasil
    WHERE partisi NOT LIKE '?%' AND partisi NOT LIKE 'berkas%'
),

instansi AS (
    SELECT instansi AS kode_instansi, arg_max(nama, waktu) AS nama_instansi
    FROM ops.harapan
    GROUP BY instansi
),

pertama AS (
    SELECT dataset, min(hari_mulai) AS hari_pertama
    FROM upaya
    GROUP BY dataset
),

partisi AS (
    SELECT
        u.dataset,
        u.partisi,
        coalesce(try_cast(u.partisi AS DATE), max(u.hari_selesai)) AS tanggal,
        arg_max(u.baik, u.selesai) AS baik,
        arg_max(u.ditarik, u.selesai) FILTER (WHERE u.status = 'diterima') AS ditarik,
        arg_max(u.diterima, u.selesai) FILTER (WHERE u.status = 'diterima') AS diterima,
        arg_max(u.dikarantina, u.selesai) FILTER (WHERE u.status = 'diterima') AS dikarantina,
        max(u.jatuh_tempo) AS jatuh_tempo,
        min(u.hari_selesai) FILTER (WHERE u.baik) AS hari_ada,
        bool_or(contains(u.asal, 'tiruan')) AS ada_tiruan,
        bool_or(contains(u.asal, 'ulangan')) AS ada_ulangan
    FROM upaya AS u
    GROUP BY u.dataset, u.partisi
),

dinilai AS (
    -- What was promised before the dataset was first asked for could not have come in time.
    SELECT
        p.*,
        p.jatuh_tempo >= m.hari_pertama
        AND p.jatuh_tempo <= (SELECT max(hari_selesai) FROM upaya) AS dinilai
    FROM partisi AS p
    INNER JOIN pertama AS m ON m.dataset = p.dataset
),

putusan AS (
    SELECT dataset, partisi, count(*) AS jumlah, count(*) FILTER (WHERE hasil = 'lulus') AS lulus
    FROM (
        SELECT dataset, partisi, pemeriksaan, arg_max(hasil, waktu) AS hasil
        FROM ops.pemeriksaan
        GROUP BY dataset, partisi, pemeriksaan
    )
    GROUP BY dataset, partisi
),

bulanan AS (
    SELECT
        CAST(date_trunc('month', d.tanggal) AS DATE) AS bulan,
        split_part(d.dataset, '.', 1) AS kode_instansi,
        split_part(d.dataset, '.', 2) AS dataset,
        count(*) AS jumlah_partisi,
        count(*) FILTER (WHERE d.baik) AS partisi_baik,
        CAST(coalesce(sum(d.ditarik), 0) AS BIGINT) AS baris_ditarik,
        CAST(coalesce(sum(d.diterima), 0) AS BIGINT) AS baris_diterima,
        CAST(coalesce(sum(d.dikarantina), 0) AS BIGINT) AS baris_dikarantina,
        CAST(coalesce(sum(p.jumlah), 0) AS BIGINT) AS jumlah_pemeriksaan,
        CAST(coalesce(sum(p.lulus), 0) AS BIGINT) AS pemeriksaan_lulus,
        count(*) FILTER (WHERE d.dinilai) AS partisi_dinilai,
        count(*) FILTER (WHERE d.dinilai AND d.hari_ada <= d.jatuh_tempo) AS partisi_tepat_waktu,
        CASE
            WHEN bool_or(d.ada_tiruan) THEN 'tiruan'
            WHEN bool_or(d.ada_ulangan) THEN 'ulangan'
            ELSE 'resmi'
        END AS asal_data
    FROM dinilai AS d
    LEFT JOIN putusan AS p ON p.dataset = d.dataset AND p.partisi = d.partisi
    GROUP BY bulan, kode_instansi, split_part(d.dataset, '.', 2)
)

SELECT
    p.kode_provinsi,
    p.nama_provinsi,
    b.kode_instansi,
    coalesce(i.nama_instansi, b.kode_instansi) AS nama_instansi,
    b.dataset,
    b.jumlah_partisi,
    b.partisi_baik,
    b.baris_ditarik,
    b.baris_diterima,
    b.baris_dikarantina,
    round(100.0 * b.baris_dikarantina / nullif(b.baris_diterima + b.baris_dikarantina, 0), 3) AS persen_dikarantina,
    b.jumlah_pemeriksaan,
    b.pemeriksaan_lulus,
    round(100.0 * b.pemeriksaan_lulus / nullif(b.jumlah_pemeriksaan, 0), 2) AS persen_lulus,
    b.partisi_dinilai,
    b.partisi_tepat_waktu,
    round(100.0 * b.partisi_tepat_waktu / nullif(b.partisi_dinilai, 0), 2) AS persen_tepat_waktu,
    'persen' AS satuan,
    b.bulan,
    b.asal_data
FROM bulanan AS b
CROSS JOIN provinsi AS p
LEFT JOIN instansi AS i ON i.kode_instansi = b.kode_instansi
