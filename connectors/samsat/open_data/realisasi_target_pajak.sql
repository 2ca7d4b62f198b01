WITH provinsi AS (
    SELECT kode_provinsi, nama_provinsi
    FROM core.dim_kabkota
    GROUP BY kode_provinsi, nama_provinsi
),

bulanan AS (
    SELECT
        CAST(date_trunc('month', tanggal) AS DATE) AS bulan,
        jenis_pajak,
        asal_data,
        CAST(sum(nilai) AS DECIMAL(20, 2)) AS realisasi_bulan,
        count(DISTINCT tanggal) AS jumlah_hari
    FROM core.fct_penerimaan_pkb
    WHERE masuk_pad_provinsi
    GROUP BY bulan, jenis_pajak, asal_data
)

SELECT
    p.kode_provinsi,
    p.nama_provinsi,
    b.jenis_pajak,
    t.nama_pajak,
    'provinsi' AS penerima,
    b.realisasi_bulan,
    CAST(
        sum(b.realisasi_bulan) OVER (
            PARTITION BY year(b.bulan), b.jenis_pajak, b.asal_data ORDER BY b.bulan
        ) AS DECIMAL(20, 2)
    ) AS realisasi_sampai_bulan,
    t.target AS target_setahun,
    round(
        100 * CAST(
            sum(b.realisasi_bulan) OVER (PARTITION BY year(b.bulan), b.jenis_pajak, b.asal_data ORDER BY b.bulan)
            AS DOUBLE
        ) / CAST(t.target AS DOUBLE), 2
    ) AS persen_target,
    b.jumlah_hari,
    'Rp' AS satuan,
    b.bulan,
    b.asal_data
FROM bulanan AS b
-- A target and a revenue of different origins are not compared.
LEFT JOIN core.fct_target_pajak AS t
    ON t.kode_pajak = b.jenis_pajak AND year(t.tahun) = year(b.bulan) AND t.asal_data = b.asal_data
CROSS JOIN provinsi AS p
