SELECT
    w.kode_provinsi,
    w.nama_provinsi,
    w.kode_kabupaten_kota,
    w.nama_kabupaten_kota,
    k.id_kamera,
    k.nama_kamera,
    k.nama_lokal,
    k.lintang,
    k.bujur,
    k.terdaftar,
    k.pertama_terlihat,
    k.terakhir_terlihat,
    k.url_hls,
    k.asal_data
FROM core.dim_kamera AS k
INNER JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = k.kode_bps
