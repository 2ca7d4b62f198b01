SELECT
    w.kode_provinsi,
    w.nama_provinsi,
    w.kode_kabupaten_kota,
    w.nama_kabupaten_kota,
    h.id_kamera,
    k.nama_kamera,
    h.probe_sah AS pemeriksaan_sah,
    h.up AS siaran_normal,
    h.frozen AS siaran_beku,
    h.playlist_only AS hanya_daftar_putar,
    h.http_error AS galat_http,
    h.timeout AS tanpa_jawaban,
    h.dns AS galat_dns,
    h.unknown AS tidak_diketahui,
    h.uptime_persen,
    h.cakupan_persen,
    'persen' AS satuan,
    h.tanggal,
    h.asal_data
FROM core.fct_ketersediaan_cctv_harian AS h
INNER JOIN core.dim_kamera AS k ON k.id_kamera = h.id_kamera
INNER JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = k.kode_bps
