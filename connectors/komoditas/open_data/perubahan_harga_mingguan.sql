WITH gabungan AS (
    SELECT
        tanggal, sumber, kode_bps, kode_sumber, nama_sumber AS nama_barang, kode_komoditas, harga,
        'Rp/' || satuan AS satuan, asal_data
    FROM core.fct_harga_pangan_kabkota
    WHERE level_harga = 'eceran'
    UNION ALL
    SELECT tanggal, sumber, kode_bps, kode_sumber, nama_barang, kode_komoditas, harga, satuan, asal_data
    FROM core.fct_harga_pangan_wilayah
    WHERE tingkat = 'kota' AND jenis_barang = 'komoditas'
),

pekan AS (
    -- Rows of different origins are never averaged: a week has one row for each.
    SELECT
        CAST(date_trunc('week', tanggal) AS DATE) AS pekan,
        sumber,
        kode_bps,
        kode_sumber,
        satuan,
        asal_data,
        arg_max(nama_barang, tanggal) AS nama_barang,
        arg_max(kode_komoditas, tanggal) AS kode_komoditas,
        CAST(sum(harga) / count(*) AS DECIMAL(18, 2)) AS harga_rata,
        count(DISTINCT tanggal) AS jumlah_hari
    FROM gabungan
    WHERE harga IS NOT NULL
    GROUP BY pekan, sumber, kode_bps, kode_sumber, satuan, asal_data
)

SELECT
    w.kode_provinsi,
    w.nama_provinsi,
    w.kode_kabupaten_kota,
    w.nama_kabupaten_kota,
    p.sumber,
    p.kode_sumber AS kode_komoditas_sumber,
    p.nama_barang AS komoditas_sumber,
    p.kode_komoditas,
    p.harga_rata,
    s.harga_rata AS harga_rata_pekan_lalu,
    CAST(round(100 * (CAST(p.harga_rata AS DOUBLE) / CAST(s.harga_rata AS DOUBLE) - 1), 2) AS DECIMAL(9, 2))
        AS perubahan_persen,
    p.jumlah_hari,
    s.jumlah_hari AS jumlah_hari_pekan_lalu,
    p.satuan,
    p.pekan,
    p.asal_data
FROM pekan AS p
INNER JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = p.kode_bps
LEFT JOIN pekan AS s
    ON
        s.pekan = p.pekan - INTERVAL 7 DAY
        AND s.sumber = p.sumber
        AND s.kode_bps = p.kode_bps
        AND s.kode_sumber = p.kode_sumber
        AND s.satuan = p.satuan
        AND s.asal_data = p.asal_data
-- A week that is still running would change its number from day to day.
WHERE p.pekan < (SELECT date_trunc('week', max(tanggal)) FROM gabungan)
