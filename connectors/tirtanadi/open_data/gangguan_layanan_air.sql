WITH provinsi AS (
    SELECT kode_provinsi, nama_provinsi
    FROM core.dim_kabkota
    GROUP BY kode_provinsi, nama_provinsi
)

SELECT
    p.kode_provinsi,
    p.nama_provinsi,
    w.kode_kabupaten_kota,
    w.nama_kabupaten_kota,
    g.nomor,
    g.nama_cabang AS cabang,
    g.jenis AS jenis_gangguan,
    g.status,
    array_to_string(g.daftar_kecamatan, ', ') AS kecamatan_terdampak,
    g.jumlah_kecamatan,
    g.mulai,
    g.selesai,
    g.lama_jam,
    -- Fewer than 5 households could be told apart; no total that would give the number back is published.
    CASE WHEN g.pelanggan_terdampak >= 5 THEN g.pelanggan_terdampak END AS pelanggan_terdampak,
    CASE WHEN g.pelanggan_terdampak BETWEEN 1 AND 4 THEN 'ditekan' ELSE 'terbuka' END AS status_rahasia,
    'pelanggan' AS satuan,
    g.tanggal,
    g.asal_data
FROM core.fct_gangguan_air AS g
CROSS JOIN provinsi AS p
LEFT JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = g.kode_bps
