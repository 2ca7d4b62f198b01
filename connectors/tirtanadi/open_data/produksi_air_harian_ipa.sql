WITH provinsi AS (
    SELECT kode_provinsi, nama_provinsi
    FROM core.dim_kabkota
    GROUP BY kode_provinsi, nama_provinsi
)

SELECT
    p.kode_provinsi,
    p.nama_provinsi,
    a.kode_ipa,
    a.nama_ipa,
    a.produksi_m3,
    a.air_baku_m3,
    a.jam_operasi,
    a.debit_l_per_detik,
    a.kekeruhan_ntu,
    a.ph,
    a.sisa_klor_mg_l,
    'm3' AS satuan,
    a.tanggal,
    a.asal_data
FROM core.fct_produksi_air AS a
CROSS JOIN provinsi AS p
