/* ---
description: >-
  Penerimaan Samsat per jenis pajak dan penerima sampai tanggal tutup terakhir: hari itu, bulan dan tahun berjalan. Target
  pro rata dihitung hanya untuk hari-hari yang datanya ada, dari mulai_data; capaian target setahun hanya bila data mulai
  1 Januari. Hanya baris milik provinsi yang punya target.
grain: Satu baris per jenis pajak dan penerima, dan satu baris PAD provinsi dari Samsat
judul: Penerimaan Samsat
halaman: pendapatan
urutan: 10
per: per_tanggal
tampil: [
  jenis_pajak, penerima, nilai_hari, nilai_hari_sebelum, nilai_bulan, nilai_tahun, mulai_data, target_prorata,
  capaian_prorata, capaian_target]
susun: ["-masuk_pad_provinsi", jenis_pajak]
columns:
  per_tanggal: {description: Tanggal tutup terakhir., classification: public}
  jenis_pajak: {description: "PKB, BBNKB, OPSEN_PKB, OPSEN_BBNKB, SWDKLLJ, PNBP, atau PAD (jumlah milik provinsi).", classification: public}
  penerima: {description: "provinsi, kabupaten_kota, jasa_raharja atau negara.", classification: public}
  masuk_pad_provinsi: {description: Benar bila dihitung ke PAD provinsi., classification: public}
  nilai_hari: {description: Penerimaan pada tanggal itu., satuan: Rp, classification: public}
  nilai_hari_sebelum: {description: Penerimaan pada hari berdata sebelumnya., satuan: Rp, classification: public}
  nilai_bulan: {description: Penerimaan bulan berjalan., satuan: Rp, classification: public}
  nilai_tahun: {description: Penerimaan tahun berjalan sejak mulai_data., satuan: Rp, classification: public}
  mulai_data: {description: Tanggal pertama tahun ini yang datanya ada., classification: public}
  hari_berdata: {description: Hari dari mulai_data sampai tanggal tutup., satuan: hari, classification: public}
  hari_berjalan: {description: Hari dari 1 Januari sampai tanggal tutup., satuan: hari, classification: public}
  target: {description: Target setahun; kosong bila bukan milik provinsi., satuan: Rp, classification: public}
  target_prorata: {description: Target setahun kali hari_berdata dibagi hari setahun., satuan: Rp, classification: public}
  capaian_prorata: {description: Penerimaan terhadap target pro rata., satuan: persen, classification: public}
  capaian_target: {description: Penerimaan terhadap target setahun; kosong bila data tidak mulai 1 Januari., satuan: persen, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
  dataset: {description: Dataset baris di baliknya., classification: public}
  partisi: {description: Partisi dataset itu., classification: public}
--- */
WITH akhir AS (
    SELECT max(tanggal) AS per_tanggal, max(asal_data) AS asal_data FROM core.fct_penerimaan_pkb
),

tahun_ini AS (
    SELECT
        f.tanggal, f.jenis_pajak, f.penerima, f.masuk_pad_provinsi, sum(f.nilai) AS nilai, max(f.asal_data) AS asal_data
    FROM core.fct_penerimaan_pkb AS f
    INNER JOIN akhir AS a ON f.tanggal >= date_trunc('year', a.per_tanggal) AND f.tanggal <= a.per_tanggal
    GROUP BY ALL
),

rentang AS (
    SELECT
        min(t.tanggal) AS mulai_data,
        max(t.tanggal) AS per_tanggal,
        max(t.tanggal) FILTER (WHERE t.tanggal < a.per_tanggal) AS sebelum
    FROM tahun_ini AS t
    CROSS JOIN akhir AS a
),

baris AS (
    SELECT tanggal, jenis_pajak, penerima, masuk_pad_provinsi, nilai, asal_data FROM tahun_ini
    UNION ALL
    SELECT tanggal, 'PAD', 'provinsi', true, nilai, asal_data FROM tahun_ini WHERE masuk_pad_provinsi
),

jumlah AS (
    SELECT
        b.jenis_pajak,
        b.penerima,
        b.masuk_pad_provinsi,
        r.per_tanggal,
        r.mulai_data,
        sum(b.nilai) FILTER (WHERE b.tanggal = r.per_tanggal) AS nilai_hari,
        sum(b.nilai) FILTER (WHERE b.tanggal = r.sebelum) AS nilai_hari_sebelum,
        sum(b.nilai) FILTER (WHERE b.tanggal >= date_trunc('month', r.per_tanggal)) AS nilai_bulan,
        sum(b.nilai) AS nilai_tahun,
        max(b.asal_data) AS asal_data
    FROM baris AS b
    CROSS JOIN rentang AS r
    GROUP BY ALL
),

target AS (
    SELECT tahun, kode_pajak, target, jumlah_hari FROM core.fct_target_pajak
    UNION ALL
    SELECT tahun, 'PAD', sum(target), max(jumlah_hari)
    FROM core.fct_target_pajak
    WHERE kode_pajak IN (SELECT jenis_pajak FROM source.samsat__penerima WHERE masuk_pad_provinsi)
    GROUP BY tahun
),

dengan_target AS (
    SELECT
        j.*,
        CAST(j.per_tanggal - j.mulai_data + 1 AS INTEGER) AS hari_berdata,
        CAST(dayofyear(j.per_tanggal) AS INTEGER) AS hari_berjalan,
        t.target,
        CAST(t.target * (j.per_tanggal - j.mulai_data + 1) / t.jumlah_hari AS DECIMAL(20, 2)) AS target_prorata
    FROM jumlah AS j
    LEFT JOIN target AS t
        ON j.masuk_pad_provinsi AND t.kode_pajak = j.jenis_pajak AND year(t.tahun) = year(j.per_tanggal)
)
SELECT
    per_tanggal,
    jenis_pajak,
    penerima,
    masuk_pad_provinsi,
    CAST(nilai_hari AS DECIMAL(20, 2)) AS nilai_hari,
    CAST(nilai_hari_sebelum AS DECIMAL(20, 2)) AS nilai_hari_sebelum,
    CAST(nilai_bulan AS DECIMAL(20, 2)) AS nilai_bulan,
    CAST(nilai_tahun AS DECIMAL(20, 2)) AS nilai_tahun,
    mulai_data,
    hari_berdata,
    hari_berjalan,
    CAST(target AS DECIMAL(20, 2)) AS target,
    target_prorata,
    CAST(100 * CAST(nilai_tahun AS DOUBLE) / CAST(nullif(target_prorata, 0) AS DOUBLE) AS DECIMAL(12, 2)) AS capaian_prorata,
    CASE
        WHEN hari_berdata = hari_berjalan
            THEN CAST(100 * CAST(nilai_tahun AS DOUBLE) / CAST(nullif(target, 0) AS DOUBLE) AS DECIMAL(12, 2))
    END AS capaian_target,
    asal_data,
    'samsat.pembayaran_pkb' AS dataset,
    CAST(per_tanggal AS VARCHAR) AS partisi
FROM dengan_target
