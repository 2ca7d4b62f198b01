SELECT
    k.kode_provinsi,
    k.nama_provinsi,
    k.kode_kabupaten_kota,
    k.nama_kabupaten_kota,
    w.kode_kemendagri,
    w.nama AS nama_baku,
    w.jenis,
    array_to_string(w.alias, '; ') AS nama_lain,
    w.penduduk,
    array_to_string(w.daftar_dapil, ', ') AS daftar_dapil,
    w.dasar_dapil,
    'jiwa' AS satuan,
    w.asal_data
FROM core.dim_kabkota AS k
INNER JOIN core.dim_wilayah AS w ON w.kode_bps = k.kode_kabupaten_kota
