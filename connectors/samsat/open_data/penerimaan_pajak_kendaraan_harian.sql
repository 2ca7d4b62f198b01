SELECT
    w.kode_provinsi,
    w.nama_provinsi,
    w.kode_kabupaten_kota,
    w.nama_kabupaten_kota,
    p.kode_upt,
    u.nama_upt,
    p.jenis_pajak,
    CASE p.jenis_pajak WHEN 'SWDKLLJ' THEN 'jasa_raharja' ELSE 'provinsi' END AS penerima,
    p.nilai,
    CASE WHEN p.jenis_pajak <> 'SWDKLLJ' THEN 'kabupaten_kota' END AS penerima_opsen,
    CASE WHEN p.jenis_pajak <> 'SWDKLLJ' THEN p.nilai_opsen END AS nilai_opsen,
    p.jumlah_pembayar,
    p.pangsa_terbesar,
    'terbuka' AS status_rahasia,
    'Rp' AS satuan,
    p.tanggal,
    p.asal_data
FROM core.fct_penerimaan_pkb_upt AS p
INNER JOIN core.dim_upt AS u ON u.kode_upt = p.kode_upt
INNER JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = u.kode_bps
