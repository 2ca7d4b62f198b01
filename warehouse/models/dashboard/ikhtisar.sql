/* ---
description: >-
  Angka pokok setiap bidang pada tanggal tutup terakhirnya. Yang perlu perhatian mempunyai keadaan perhatian; yang belum
  ada datanya tidak mempunyai baris dan tidak pernah menjadi 0.
grain: Satu baris per indikator
judul: Ikhtisar
halaman: ikhtisar
urutan: 10
per: per_tanggal
tampil: [nama, nilai, satuan, dari, nama_dari, keadaan, opd, per_tanggal]
susun: [urutan]
columns:
  urutan: {description: Urutan tampil., classification: internal}
  bidang: {description: Halaman yang memerincinya., classification: internal}
  indikator: {description: Kode indikator., classification: internal}
  nama: {description: Nama indikator., classification: internal}
  nilai: {description: Angkanya., classification: internal}
  satuan: {description: Satuan angka., classification: internal}
  dari: {description: "Pembanding: jumlah seluruhnya, hari sebelumnya, atau target.", classification: internal}
  nama_dari: {description: Nama pembanding., classification: internal}
  keadaan: {description: perhatian atau biasa., classification: internal}
  opd: {description: OPD yang bertugas., classification: internal}
  per_tanggal: {description: Tanggal tutup angka itu., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
WITH angka AS (
    SELECT
        10 AS urutan, 'harga' AS bidang, 'barang_naik' AS indikator, 'Barang naik 5 persen atau lebih dalam sepekan' AS nama,
        CAST(count(*) FILTER (WHERE ubah_mingguan >= 5) AS DECIMAL(24, 2)) AS nilai, 'barang' AS satuan,
        CAST(count(ubah_mingguan) AS DECIMAL(24, 2)) AS dari, 'barang yang dapat dibandingkan' AS nama_dari,
        count(*) FILTER (WHERE ubah_mingguan >= 5) > 0 AS perhatian,
        per_tanggal, max(asal_data) AS asal_data, dataset, partisi
    FROM dashboard.harga_perubahan
    WHERE sumber = 'pihps' AND tingkat = 'provinsi' AND jenis_barang = 'komoditas'
    GROUP BY per_tanggal, dataset, partisi
    HAVING count(ubah_mingguan) > 0
    UNION ALL
    SELECT
        20, 'harga', 'di_atas_acuan', 'Kabupaten/kota dengan harga di atas HET/HAP',
        count(DISTINCT kode_bps) FILTER (WHERE selisih_acuan > 0), 'kabupaten/kota', count(DISTINCT kode_bps),
        'kabupaten/kota yang melapor', count(*) FILTER (WHERE selisih_acuan > 0) > 0, per_tanggal, max(asal_data), dataset,
        partisi
    FROM dashboard.harga_acuan
    WHERE sumber = 'sp2kp' AND tingkat = 'kabkota'
    GROUP BY per_tanggal, dataset, partisi
    UNION ALL
    SELECT
        30, 'pendapatan', 'pad_hari', 'Penerimaan Samsat milik provinsi', nilai_hari, 'Rp', nilai_hari_sebelum,
        'hari berdata sebelumnya', false, per_tanggal, asal_data, dataset, partisi
    FROM dashboard.pendapatan_ringkas
    WHERE jenis_pajak = 'PAD' AND nilai_hari IS NOT NULL
    UNION ALL
    SELECT
        40, 'pendapatan', 'pad_prorata', 'Penerimaan terhadap target pro rata', capaian_prorata, 'persen', 100,
        'target pro rata hari-hari yang ada datanya', capaian_prorata < 90, per_tanggal, asal_data, dataset, partisi
    FROM dashboard.pendapatan_ringkas
    WHERE jenis_pajak = 'PAD' AND capaian_prorata IS NOT NULL
    UNION ALL
    SELECT
        50, 'air', 'produksi', 'Produksi air', sum(produksi_m3), 'm3', NULL, NULL, false, tanggal, max(asal_data), dataset,
        partisi
    FROM dashboard.air_produksi
    WHERE tanggal = (SELECT max(tanggal) FROM dashboard.air_produksi)
    GROUP BY tanggal, dataset, partisi
    UNION ALL
    SELECT
        60, 'air', 'gangguan', 'Gangguan air yang belum selesai',
        (SELECT count(*) FROM dashboard.air_gangguan), 'gangguan', NULL, NULL,
        (SELECT count(*) FROM dashboard.air_gangguan) > 0, max(tanggal), max(asal_data), 'tirtanadi.gangguan_air',
        CAST(max(tanggal) AS VARCHAR)
    FROM core.fct_gangguan_air
    HAVING count(*) > 0
    UNION ALL
    SELECT
        70, 'air', 'tunggakan', 'Tunggakan rekening air', sum(tunggakan), 'Rp', NULL, NULL, false, bulan, max(asal_data),
        dataset, partisi
    FROM dashboard.air_cabang
    GROUP BY bulan, dataset, partisi
    HAVING count(tunggakan) > 0
    UNION ALL
    SELECT
        80, 'air', 'cabang_diam', 'Cabang yang belum mengirim laporan bulanan', count(*) FILTER (WHERE NOT melapor), 'cabang',
        count(*), 'cabang', count(*) FILTER (WHERE NOT melapor) > 0, bulan, max(asal_data), dataset, partisi
    FROM dashboard.air_cabang
    GROUP BY bulan, dataset, partisi
    UNION ALL
    SELECT
        90, 'pokir', 'tertahan', 'Usulan pokir berjalan yang diam 30 hari atau lebih', count(*) FILTER (WHERE hari_diam >= 30),
        'usulan', count(*), 'usulan yang berjalan', count(*) FILTER (WHERE hari_diam >= 30) > 0, per_tanggal, max(asal_data),
        dataset, partisi
    FROM dashboard.pokir_tertahan
    GROUP BY per_tanggal, dataset, partisi
    UNION ALL
    SELECT
        100, 'cctv', 'mati', 'Kamera yang mati', count(*) FILTER (WHERE keadaan = 'mati'), 'kamera', count(*),
        'kamera terdaftar', count(*) FILTER (WHERE keadaan = 'mati') > 0, per_tanggal, max(asal_data), dataset, partisi
    FROM dashboard.cctv_keadaan
    GROUP BY per_tanggal, dataset, partisi
    HAVING count(*) FILTER (WHERE keadaan <> 'tidak diketahui') > 0
    UNION ALL
    SELECT
        110, 'cctv', 'uptime', 'Ketersediaan kamera sehari', any_value(uptime), 'persen', NULL, NULL, any_value(uptime) < 90, tanggal,
        max(asal_data), dataset, partisi
    FROM dashboard.cctv_harian
    WHERE tanggal = (SELECT max(tanggal) FROM dashboard.cctv_harian WHERE uptime IS NOT NULL)
    GROUP BY tanggal, dataset, partisi
)
SELECT
    a.urutan,
    a.bidang,
    a.indikator,
    a.nama,
    CAST(a.nilai AS DECIMAL(24, 2)) AS nilai,
    a.satuan,
    CAST(a.dari AS DECIMAL(24, 2)) AS dari,
    a.nama_dari,
    CASE WHEN a.perhatian THEN 'perhatian' ELSE 'biasa' END AS keadaan,
    d.opd,
    a.per_tanggal,
    a.asal_data,
    a.dataset,
    a.partisi
FROM angka AS a
LEFT JOIN dashboard.kualitas_dataset AS d ON d.dataset = a.dataset
