/* ---
description: >-
  Penerimaan Samsat per bulan menurut penerima dan jenis pajak. Opsen berlaku mulai 5 Januari 2025: PKB sebelum dan
  sesudahnya bukan besaran yang sama; kolom masa menandainya.
grain: Satu baris per bulan, penerima, jenis pajak dan asal data
halaman: pendapatan
urutan: 20
per: sampai
partition: bulan
partition_grain: bulanan
tampil: [bulan, penerima, jenis_pajak, nilai, jumlah_pembayaran, hari_berdata, masa]
susun: ["-bulan", penerima, jenis_pajak]
columns:
  bulan: {description: Tanggal pertama bulan., classification: public}
  sampai: {description: Tanggal terakhir bulan itu yang ada datanya., classification: public}
  hari_berdata: {description: Hari dalam bulan itu yang ada datanya., satuan: hari, classification: public}
  penerima: {description: "provinsi, kabupaten_kota, jasa_raharja atau negara.", classification: public}
  jenis_pajak: {description: Kelompok komponen., classification: public}
  masuk_pad_provinsi: {description: Benar bila dihitung ke PAD provinsi., classification: public}
  nilai: {description: Penerimaan., satuan: Rp, classification: public}
  jumlah_pembayaran: {description: Pembayaran yang memuat komponen jenis ini., satuan: pembayaran, classification: public}
  masa: {description: "sebelum opsen, peralihan (Januari 2025) atau dengan opsen.", classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH hari AS (
    SELECT
        CAST(date_trunc('month', tanggal) AS DATE) AS bulan,
        max(tanggal) AS sampai,
        CAST(count(DISTINCT tanggal) AS INTEGER) AS hari_berdata
    FROM core.fct_penerimaan_pkb
    GROUP BY ALL
)
SELECT
    h.bulan,
    h.sampai,
    h.hari_berdata,
    f.penerima,
    f.jenis_pajak,
    f.masuk_pad_provinsi,
    CAST(sum(f.nilai) AS DECIMAL(20, 2)) AS nilai,
    CAST(sum(f.jumlah_pembayaran) AS BIGINT) AS jumlah_pembayaran,
    CASE
        WHEN h.bulan < DATE '2025-01-01' THEN 'sebelum opsen'
        WHEN h.bulan = DATE '2025-01-01' THEN 'peralihan'
        ELSE 'dengan opsen'
    END AS masa,
    f.asal_data,
    'samsat.pembayaran_pkb' AS dataset,
    CAST(h.sampai AS VARCHAR) AS partisi
FROM core.fct_penerimaan_pkb AS f
INNER JOIN hari AS h ON h.bulan = date_trunc('month', f.tanggal)
GROUP BY ALL
