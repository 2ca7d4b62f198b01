WITH provinsi AS (
    SELECT kode_provinsi, nama_provinsi
    FROM core.dim_kabkota
    GROUP BY kode_provinsi, nama_provinsi
),

terbaru AS (
    SELECT tahun_anggaran, max(tanggal) AS tanggal
    FROM core.fct_corong_pokir
    GROUP BY tahun_anggaran
)

SELECT
    p.kode_provinsi,
    p.nama_provinsi,
    c.tahun_anggaran,
    c.kode_opd,
    c.nama_opd,
    coalesce(d.nama_dapil, 'belum diketahui') AS dapil,
    c.tahap,
    c.urutan_tahap,
    c.jumlah_usulan,
    c.nilai,
    c.jumlah_ditolak,
    c.jumlah_dibatalkan,
    'Rp' AS satuan,
    c.tanggal AS tanggal_potret,
    c.asal_data
FROM core.fct_corong_pokir AS c
INNER JOIN terbaru AS t ON t.tahun_anggaran = c.tahun_anggaran AND t.tanggal = c.tanggal
CROSS JOIN provinsi AS p
LEFT JOIN core.dim_dapil AS d ON d.no_dapil = c.no_dapil
