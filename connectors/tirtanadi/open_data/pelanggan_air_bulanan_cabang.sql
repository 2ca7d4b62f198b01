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
    a.nama_cabang AS cabang,
    a.kelompok_tarif,
    a.pelanggan,
    a.air_terjual_m3,
    a.drd_rp AS rekening_ditagih,
    a.penerimaan_rp AS rekening_dibayar,
    a.lembar_tunggakan,
    a.tunggakan_rp AS nilai_tunggakan,
    'terbuka' AS status_rahasia,
    'terbuka' AS status_tunggakan,
    'pelanggan' AS satuan,
    a.bulan,
    a.asal_data
FROM core.fct_pelanggan_air_bulanan AS a
CROSS JOIN provinsi AS p
LEFT JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = a.kode_bps
