SELECT
    w.kode_provinsi,
    w.nama_provinsi,
    w.kode_kabupaten_kota,
    w.nama_kabupaten_kota,
    h.pasar,
    coalesce(k.nama_komoditas, b.nama_barang) AS komoditas,
    h.harga,
    h.satuan,
    h.tanggal,
    h.asal_data
FROM core.fct_harga_pangan_pasar AS h
LEFT JOIN core.dim_komoditas AS k ON k.kode_komoditas = h.kode_komoditas
LEFT JOIN source.pihps__ref_komoditas AS b ON b.kode_barang = h.kode_sumber
LEFT JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = h.kode_bps
