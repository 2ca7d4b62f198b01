/* ---
description: >-
  Penerimaan milik provinsi per UPT sampai tanggal tutup terakhir. Tujuh hari terakhir dibandingkan dengan tujuh hari yang
  sama 364 hari sebelumnya, kecuali bila di antaranya opsen mulai berlaku. UPT yang tidak mengirim apa pun tetap ada dengan
  nilai kosong.
grain: Satu baris per UPT
halaman: pendapatan
urutan: 40
per: per_tanggal
tampil: [upt, nilai_hari, nilai_7_hari, nilai_7_hari_setahun_lalu, nilai_bulan, nilai_tahun, pembayaran_7_hari]
susun: ["-nilai_7_hari"]
baris: {kode_upt: kode_upt}
columns:
  per_tanggal: {description: Tanggal tutup terakhir., classification: public}
  kode_upt: {description: Kode UPT., classification: public}
  upt: {description: Nama UPT., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota tempat UPT., classification: public}
  nilai_hari: {description: Penerimaan pada tanggal itu., satuan: Rp, classification: public}
  nilai_7_hari: {description: Penerimaan tujuh hari sampai tanggal itu., satuan: Rp, classification: public}
  nilai_7_hari_setahun_lalu: {description: Penerimaan tujuh hari yang sama 364 hari sebelumnya; kosong bila tidak sebanding atau belum ada data., satuan: Rp, classification: public}
  nilai_bulan: {description: Penerimaan bulan berjalan., satuan: Rp, classification: public}
  nilai_tahun: {description: Penerimaan tahun berjalan yang ada datanya., satuan: Rp, classification: public}
  pembayaran_7_hari: {description: Pembayaran PKB pokok dalam tujuh hari itu., satuan: pembayaran, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH akhir AS (
    SELECT max(tanggal) AS per_tanggal, max(asal_data) AS asal_data FROM core.fct_penerimaan_pkb
),

jumlah AS (
    SELECT
        f.kode_upt,
        sum(f.nilai) FILTER (WHERE f.tanggal = a.per_tanggal) AS nilai_hari,
        sum(f.nilai) FILTER (WHERE f.tanggal > a.per_tanggal - 7) AS nilai_7_hari,
        sum(f.nilai) FILTER (
            WHERE f.tanggal BETWEEN a.per_tanggal - 370 AND a.per_tanggal - 364
            AND a.per_tanggal - 370 >= DATE '2025-01-05'
        ) AS nilai_7_hari_setahun_lalu,
        sum(f.nilai) FILTER (WHERE f.tanggal >= date_trunc('month', a.per_tanggal)) AS nilai_bulan,
        sum(f.nilai) FILTER (WHERE f.tanggal >= date_trunc('year', a.per_tanggal)) AS nilai_tahun,
        sum(f.jumlah_pembayaran) FILTER (WHERE f.tanggal > a.per_tanggal - 7 AND f.komponen = 'pkb_pokok') AS pembayaran_7_hari
    FROM core.fct_penerimaan_pkb AS f
    CROSS JOIN akhir AS a
    WHERE f.masuk_pad_provinsi AND f.tanggal >= a.per_tanggal - 370
    GROUP BY f.kode_upt
)
SELECT
    a.per_tanggal,
    coalesce(u.kode_upt, j.kode_upt) AS kode_upt,
    coalesce(u.nama_upt, 'UPT ' || j.kode_upt) AS upt,
    u.kode_bps,
    CAST(j.nilai_hari AS DECIMAL(20, 2)) AS nilai_hari,
    CAST(j.nilai_7_hari AS DECIMAL(20, 2)) AS nilai_7_hari,
    CAST(j.nilai_7_hari_setahun_lalu AS DECIMAL(20, 2)) AS nilai_7_hari_setahun_lalu,
    CAST(j.nilai_bulan AS DECIMAL(20, 2)) AS nilai_bulan,
    CAST(j.nilai_tahun AS DECIMAL(20, 2)) AS nilai_tahun,
    CAST(j.pembayaran_7_hari AS BIGINT) AS pembayaran_7_hari,
    a.asal_data,
    'samsat.pembayaran_pkb' AS dataset,
    CAST(a.per_tanggal AS VARCHAR) AS partisi
FROM core.dim_upt AS u
FULL JOIN jumlah AS j ON j.kode_upt = u.kode_upt
INNER JOIN akhir AS a ON a.per_tanggal IS NOT NULL
