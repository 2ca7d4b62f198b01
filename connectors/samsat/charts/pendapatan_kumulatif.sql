/* ---
description: >-
  Penerimaan milik provinsi tahun berjalan, dijumlahkan dari hari pertama yang ada datanya, di samping target pro rata untuk
  hari-hari yang sama. Tahun sebelum opsen tidak digambar bersama tahun sesudahnya.
grain: Satu baris per tanggal dan jenis pajak milik provinsi
halaman: pendapatan
urutan: 30
per: tanggal
tampil: [tanggal, jenis_pajak, nilai, kumulatif, target_prorata]
susun: ["-tanggal", jenis_pajak]
columns:
  tanggal: {description: Tanggal bayar (WIB)., classification: public}
  jenis_pajak: {description: PKB atau BBNKB., classification: public}
  nilai: {description: Penerimaan hari itu., satuan: Rp, classification: public}
  kumulatif: {description: Penerimaan sejak hari pertama yang ada datanya., satuan: Rp, classification: public}
  target_prorata: {description: Target setahun kali hari sejak itu dibagi hari setahun., satuan: Rp, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH akhir AS (
    SELECT max(tanggal) AS tanggal FROM core.fct_penerimaan_pkb
),

harian AS (
    SELECT f.tanggal, f.jenis_pajak, sum(f.nilai) AS nilai, max(f.asal_data) AS asal_data
    FROM core.fct_penerimaan_pkb AS f
    INNER JOIN akhir AS a ON f.tanggal >= date_trunc('year', a.tanggal)
    WHERE f.masuk_pad_provinsi
    GROUP BY ALL
)
SELECT
    h.tanggal,
    h.jenis_pajak,
    CAST(h.nilai AS DECIMAL(20, 2)) AS nilai,
    CAST(sum(h.nilai) OVER (PARTITION BY h.jenis_pajak ORDER BY h.tanggal) AS DECIMAL(20, 2)) AS kumulatif,
    CAST(t.target * (h.tanggal - min(h.tanggal) OVER () + 1) / t.jumlah_hari AS DECIMAL(20, 2)) AS target_prorata,
    h.asal_data,
    'samsat.pembayaran_pkb' AS dataset,
    CAST(h.tanggal AS VARCHAR) AS partisi
FROM harian AS h
LEFT JOIN core.fct_target_pajak AS t ON t.kode_pajak = h.jenis_pajak AND year(t.tahun) = year(h.tanggal)
