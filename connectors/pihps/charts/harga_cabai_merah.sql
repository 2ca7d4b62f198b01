-- Cabai merah keriting di setiap pasar, 90 hari terakhir yang ada datanya.
SELECT
    tanggal,
    pasar,
    harga,
    asal_data
FROM core.fct_harga_pangan_pasar
WHERE
    kode_sumber = 'com_14'
    AND tanggal > (SELECT max(tanggal) FROM core.fct_harga_pangan_pasar WHERE kode_sumber = 'com_14') - 90
ORDER BY tanggal, pasar
