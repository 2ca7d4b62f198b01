WITH provinsi AS (
    SELECT kode_provinsi, nama_provinsi
    FROM core.dim_kabkota
    GROUP BY kode_provinsi, nama_provinsi
)

SELECT
    p.kode_provinsi,
    p.nama_provinsi,
    a.nama_komoditas AS komoditas,
    a.kode_komoditas,
    a.jenis AS jenis_acuan,
    a.zona,
    a.zona = 'tanpa zona' OR list_contains(coalesce(a.provinsi_zona, []), p.kode_provinsi) AS berlaku_di_provinsi,
    a.urutan,
    a.harga_bawah,
    a.harga_atas,
    'Rp/' || a.satuan AS satuan,
    a.berlaku_dari,
    a.berlaku_sampai,
    a.ketelitian_berlaku,
    a.keputusan,
    a.dapat_dipakai,
    a.catatan,
    a.asal_data
FROM core.dim_harga_acuan AS a
CROSS JOIN provinsi AS p
