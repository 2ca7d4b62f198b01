WITH gabungan AS (
    SELECT
        tanggal, sumber, kode_bps, level_harga AS tingkat_harga, 'komoditas' AS jenis_barang, kode_sumber,
        nama_sumber AS nama_barang, kode_komoditas, harga, 'Rp/' || satuan AS satuan, asal_data
    FROM core.fct_harga_pangan_kabkota
    UNION ALL
    SELECT
        tanggal, sumber, kode_bps, tingkat_harga, jenis_barang, kode_sumber,
        nama_barang, kode_komoditas, harga, satuan, asal_data
    FROM core.fct_harga_pangan_wilayah
    WHERE tingkat = 'kota'
)

SELECT
    w.kode_provinsi,
    w.nama_provinsi,
    w.kode_kabupaten_kota,
    w.nama_kabupaten_kota,
    g.sumber,
    CASE g.sumber
        WHEN 'pihps' THEN 'PIHPS Nasional, Bank Indonesia'
        WHEN 'panel_harga' THEN 'Panel Harga, Badan Pangan Nasional'
        WHEN 'sp2kp' THEN 'SP2KP, Kementerian Perdagangan'
    END AS nama_sumber,
    g.tingkat_harga,
    g.jenis_barang,
    g.kode_sumber AS kode_komoditas_sumber,
    g.nama_barang AS komoditas_sumber,
    g.kode_komoditas,
    k.nama_komoditas,
    g.harga,
    g.satuan,
    g.tanggal,
    g.asal_data
FROM gabungan AS g
INNER JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = g.kode_bps
LEFT JOIN core.dim_komoditas AS k ON k.kode_komoditas = g.kode_komoditas
WHERE g.harga IS NOT NULL
