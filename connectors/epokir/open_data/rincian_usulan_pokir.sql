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
    u.kecamatan,
    coalesce(d.nama_dapil, 'belum diketahui') AS dapil,
    u.id_usulan,
    u.tahun_anggaran,
    u.tanggal_usul,
    u.fraksi_dewan AS fraksi,
    u.kode_opd,
    u.nama_opd,
    u.bidang_urusan,
    u.jenis_belanja,
    u.pengusul,
    u.kegiatan,
    u.alasan,
    u.tahap,
    u.keadaan,
    u.anggaran,
    u.rekom_setwan,
    u.rekom_mitra,
    u.rekom_skpd,
    u.rekom_tapd,
    'Rp' AS satuan,
    u.tanggal AS tanggal_potret,
    u.asal_data
FROM core.fct_usulan_pokir AS u
CROSS JOIN provinsi AS p
LEFT JOIN core.dim_kabkota AS w ON w.kode_kabupaten_kota = u.kode_bps
LEFT JOIN core.dim_dapil AS d ON d.no_dapil = u.no_dapil
