SELECT
    w.kode_provinsi,
    w.nama_provinsi,
    w.kode_kabupaten_kota,
    w.nama_kabupaten_kota,
    k.jenis_kendaraan,
    k.jumlah_kendaraan,
    k.jumlah_hari,
    'terbuka' AS status_rahasia,
    'kendaraan' AS satuan,
    k.bulan,
    k.asal_data
FROM core.fct_kendaraan_membayar_bulanan AS k
INNER JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = k.kode_bps
-- A month that is still running would tell of single vehicles by its growth from version to version.
WHERE k.bulan < (SELECT date_trunc('month', max(hari_terakhir)) FROM core.fct_kendaraan_membayar_bulanan)
