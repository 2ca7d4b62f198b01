/* ---
description: >-
  Kendaraan yang membayar pajak per bulan, kabupaten/kota tempat membayar dan jenis. Satu kendaraan dihitung sekali dalam
  sebulan walau membayar beberapa kali; jumlah beberapa bulan bukan banyaknya kendaraan yang berbeda.
grain: Satu baris per bulan, kabupaten/kota, jenis kendaraan dan asal data
partition: bulan
partition_grain: bulanan
columns:
  bulan: {description: Tanggal pertama bulan bayar., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota tempat UPT., classification: public}
  jenis_kendaraan: {description: Jenis kendaraan menurut Samsat., classification: public}
  jumlah_kendaraan: {description: Banyak kendaraan yang berbeda., satuan: kendaraan, classification: internal}
  hari_terakhir: {description: Hari terakhir bulan itu yang datanya sudah ada., classification: public}
  jumlah_hari: {description: Banyak hari bulan itu yang datanya sudah ada., satuan: hari, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH pembayaran AS (
    SELECT
        CAST(date_trunc('month', b.tanggal) AS DATE) AS bulan,
        b.tanggal,
        u.kode_bps,
        b.jenis_kendaraan,
        b.nopol_acak,
        b._asal AS asal_data
    FROM source.samsat__pembayaran_pkb AS b
    INNER JOIN core.dim_upt AS u ON u.kode_upt = b.kode_upt
),

cakupan AS (
    SELECT bulan, max(tanggal) AS hari_terakhir, CAST(count(DISTINCT tanggal) AS INTEGER) AS jumlah_hari
    FROM pembayaran
    GROUP BY bulan
)
SELECT
    p.bulan,
    p.kode_bps,
    p.jenis_kendaraan,
    CAST(count(DISTINCT p.nopol_acak) AS BIGINT) AS jumlah_kendaraan,
    c.hari_terakhir,
    c.jumlah_hari,
    p.asal_data
FROM pembayaran AS p
INNER JOIN cakupan AS c ON c.bulan = p.bulan
GROUP BY p.bulan, p.kode_bps, p.jenis_kendaraan, c.hari_terakhir, c.jumlah_hari, p.asal_data
