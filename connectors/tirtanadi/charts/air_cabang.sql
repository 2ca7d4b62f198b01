/* ---
description: >-
  Kehilangan air (NRW), tunggakan dan penagihan setiap cabang pada bulan laporan terbaru. Cabang yang belum mengirim laporan
  bulan itu tetap ada dengan angka kosong.
grain: Satu baris per cabang
halaman: air
urutan: 40
per: bulan
tampil: [cabang, melapor, bulan_terakhir, pelanggan, air_terjual_m3, kehilangan_air, tunggakan, lembar_tunggakan]
susun: ["-kehilangan_air"]
baris: {cabang: cabang}
columns:
  bulan: {description: Bulan laporan terbaru., classification: public}
  kode_cabang: {description: Kode cabang., classification: public}
  cabang: {description: Nama cabang., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota cabang., classification: public}
  melapor: {description: Benar bila laporan bulan itu ada., classification: public}
  bulan_terakhir: {description: Bulan terakhir yang dilaporkan cabang; kosong bila belum pernah., classification: public}
  pelanggan: {description: Pelanggan pada akhir bulan., satuan: pelanggan, classification: public}
  air_terjual_m3: {description: Air yang tertagih., satuan: m3, classification: public}
  kehilangan_air: {description: Kehilangan air cabang; kosong bila tidak menjual air atau belum melapor., satuan: persen, classification: public}
  drd: {description: Rekening yang ditagih., satuan: Rp, classification: public}
  penerimaan: {description: Rekening yang dibayar., satuan: Rp, classification: public}
  tunggakan: {description: Nilai rekening yang belum dibayar., satuan: Rp, classification: public}
  lembar_tunggakan: {description: Rekening yang belum dibayar., satuan: lembar, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH akhir AS (
    SELECT max(bulan) AS bulan, max(asal_data) AS asal_data FROM core.fct_pelanggan_air_bulanan
),

laporan AS (
    SELECT
        f.bulan,
        f.nama_cabang,
        sum(f.pelanggan) AS pelanggan,
        sum(f.air_terjual_m3) AS air_terjual_m3,
        max(f.kehilangan_air_persen) AS kehilangan_air,
        sum(f.drd_rp) AS drd,
        sum(f.penerimaan_rp) AS penerimaan,
        sum(f.tunggakan_rp) AS tunggakan,
        sum(f.lembar_tunggakan) AS lembar_tunggakan
    FROM core.fct_pelanggan_air_bulanan AS f
    INNER JOIN akhir AS a ON a.bulan = f.bulan
    GROUP BY f.bulan, f.nama_cabang
),

pernah AS (
    SELECT nama_cabang, max(bulan) AS bulan_terakhir
    FROM core.fct_pelanggan_air_bulanan
    GROUP BY nama_cabang
)
SELECT
    a.bulan,
    c.kode_cabang,
    coalesce(c.nama_cabang, l.nama_cabang) AS cabang,
    c.kode_bps,
    l.bulan IS NOT NULL AS melapor,
    p.bulan_terakhir,
    CAST(l.pelanggan AS BIGINT) AS pelanggan,
    CAST(l.air_terjual_m3 AS DECIMAL(18, 2)) AS air_terjual_m3,
    CAST(l.kehilangan_air AS DECIMAL(9, 2)) AS kehilangan_air,
    CAST(l.drd AS DECIMAL(20, 2)) AS drd,
    CAST(l.penerimaan AS DECIMAL(20, 2)) AS penerimaan,
    CAST(l.tunggakan AS DECIMAL(20, 2)) AS tunggakan,
    CAST(l.lembar_tunggakan AS BIGINT) AS lembar_tunggakan,
    a.asal_data,
    'tirtanadi.pelanggan_air_bulanan' AS dataset,
    CAST(a.bulan AS VARCHAR) AS partisi
FROM core.dim_cabang AS c
FULL JOIN laporan AS l ON l.nama_cabang = c.nama_cabang
LEFT JOIN pernah AS p ON p.nama_cabang = coalesce(c.nama_cabang, l.nama_cabang)
INNER JOIN akhir AS a ON a.bulan IS NOT NULL
