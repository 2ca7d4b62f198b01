/* ---
description: >-
  Harga pada tanggal tutup terakhir setiap sumber dan tingkat, dibandingkan dengan tanggal berharga sebelumnya, dengan
  yang terbaru 7–13 dan 30–36 hari sebelumnya, dan dengan HET/HAP yang keputusan dan tanggalnya diketahui. Sumber dan
  tingkat tidak pernah dicampur; seri yang tidak melapor pada tanggal itu tetap ada dengan harga kosong.
grain: Satu baris per sumber, tingkat, tempat dan barang
judul: Perubahan harga terbesar
halaman: harga
urutan: 10
per: per_tanggal
tampil: [barang, satuan, tempat, sumber, tingkat, harga, ubah_harian, ubah_mingguan, ubah_bulanan, selisih_acuan]
susun: ["~ubah_harian"]
baris: {
  pasar: tempat, nama_wilayah: tempat, kode_kabupaten_kota: kode_bps, kode_varian: kode_sumber,
  kode_barang: kode_sumber, kode_komoditas: kode_sumber}
columns:
  per_tanggal: {description: Tanggal tutup terakhir sumber dan tingkat ini., classification: internal}
  sumber: {description: "pihps, panel_harga atau sp2kp.", classification: internal}
  tingkat: {description: "pasar, kota, kabkota atau provinsi.", classification: internal}
  jenis_barang: {description: "komoditas, atau kategori (rata-rata komoditasnya, hanya PIHPS).", classification: internal}
  tempat: {description: Nama pasar atau wilayah., classification: internal}
  kode_bps: {description: Kode BPS wilayah atau letak pasar., classification: internal}
  kode_sumber: {description: Kode barang menurut sumber., classification: internal}
  kode_komoditas: {description: Kode kosakata bersama; kosong tanpa padanan exact., classification: internal}
  barang: {description: Nama barang., classification: internal}
  satuan: {description: Satuan barang., classification: internal}
  harga: {description: Harga; kosong bila belum dilaporkan., satuan: Rp per satuan, classification: internal}
  tanggal_harian: {description: Tanggal berharga sebelumnya., classification: internal}
  harga_harian: {description: Harga pada tanggal itu., satuan: Rp per satuan, classification: internal}
  ubah_harian: {description: Perubahan terhadapnya., satuan: persen, classification: internal}
  tanggal_mingguan: {description: Tanggal berharga terbaru 7–13 hari sebelumnya., classification: internal}
  harga_mingguan: {description: Harga pada tanggal itu., satuan: Rp per satuan, classification: internal}
  ubah_mingguan: {description: Perubahan terhadapnya., satuan: persen, classification: internal}
  tanggal_bulanan: {description: Tanggal berharga terbaru 30–36 hari sebelumnya., classification: internal}
  harga_bulanan: {description: Harga pada tanggal itu., satuan: Rp per satuan, classification: internal}
  ubah_bulanan: {description: Perubahan terhadapnya., satuan: persen, classification: internal}
  jenis_acuan: {description: HET atau HAP; kosong bila tidak ada acuan bertanggal., classification: internal}
  harga_acuan: {description: Batas atasnya., satuan: Rp per satuan, classification: internal}
  selisih_acuan: {description: Selisih harga terhadap batas atas., satuan: persen, classification: internal}
  keputusan_acuan: {description: Keputusan yang menetapkannya., classification: internal}
  status_sumber: {description: "aman, waspada atau intervensi menurut sumbernya sendiri.", classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
WITH semua AS (
    SELECT
        h.tanggal, 'pihps' AS sumber, 'pasar' AS tingkat, 'komoditas' AS jenis_barang, h.pasar AS tempat, h.kode_bps,
        h.kode_sumber, h.kode_komoditas, coalesce(k.nama_komoditas, b.nama_barang, h.kode_sumber) AS barang,
        'kg' AS satuan, h.harga, NULL AS status_sumber, h.asal_data, 'pihps.harga_pangan_pasar' AS dataset
    FROM core.fct_harga_pangan_pasar AS h
    LEFT JOIN core.dim_komoditas AS k ON k.kode_komoditas = h.kode_komoditas
    LEFT JOIN source.pihps__ref_komoditas AS b ON b.kode_barang = h.kode_sumber
    UNION ALL
    SELECT
        tanggal, 'pihps', tingkat, jenis_barang, nama_wilayah, kode_bps, kode_sumber, kode_komoditas, nama_barang, 'kg',
        harga, NULL, asal_data, 'pihps.harga_pangan_wilayah'
    FROM core.fct_harga_pangan_wilayah
    UNION ALL
    SELECT
        tanggal, sumber, 'kabkota', 'komoditas', nama_wilayah, kode_bps, kode_sumber, kode_komoditas, nama_sumber, satuan,
        harga, NULL, asal_data, sumber || '.harga_pangan_kabkota'
    FROM core.fct_harga_pangan_kabkota
    WHERE level_harga = 'eceran'
    UNION ALL
    SELECT
        p.tanggal, 'panel_harga', 'provinsi', 'komoditas', p.nama_provinsi, p.kode_bps, p.kode_sumber, p.kode_komoditas,
        coalesce(k.nama_komoditas, p.kode_sumber), k.satuan, p.harga, p.status, p.asal_data,
        'panel_harga.harga_pangan_provinsi_peta'
    FROM core.fct_harga_pangan_provinsi_panel AS p
    LEFT JOIN core.dim_komoditas AS k ON k.kode_komoditas = p.kode_komoditas
    WHERE p.level_harga = 'eceran' AND p.kode_bps IS NOT NULL
),

terakhir AS (
    SELECT sumber, tingkat, max(tanggal) AS per_tanggal
    FROM semua
    WHERE harga IS NOT NULL
    GROUP BY sumber, tingkat
),

pembanding AS (
    SELECT
        t.sumber,
        t.tingkat,
        t.per_tanggal,
        max(s.tanggal) FILTER (WHERE s.tanggal < t.per_tanggal) AS tanggal_harian,
        max(s.tanggal) FILTER (WHERE s.tanggal BETWEEN t.per_tanggal - 13 AND t.per_tanggal - 7) AS tanggal_mingguan,
        max(s.tanggal) FILTER (WHERE s.tanggal BETWEEN t.per_tanggal - 36 AND t.per_tanggal - 30) AS tanggal_bulanan
    FROM terakhir AS t
    INNER JOIN semua AS s
        ON s.sumber = t.sumber AND s.tingkat = t.tingkat AND s.tanggal BETWEEN t.per_tanggal - 36 AND t.per_tanggal
    WHERE s.harga IS NOT NULL
    GROUP BY t.sumber, t.tingkat, t.per_tanggal
),

seri AS (
    SELECT
        p.per_tanggal, p.tanggal_harian, p.tanggal_mingguan, p.tanggal_bulanan,
        s.sumber, s.tingkat, s.jenis_barang, s.tempat, s.kode_bps, s.kode_sumber,
        any_value(s.kode_komoditas) AS kode_komoditas,
        arg_max(s.barang, s.tanggal) AS barang,
        arg_max(s.satuan, s.tanggal) AS satuan,
        max(s.harga) FILTER (WHERE s.tanggal = p.per_tanggal) AS harga,
        max(s.harga) FILTER (WHERE s.tanggal = p.tanggal_harian) AS harga_harian,
        max(s.harga) FILTER (WHERE s.tanggal = p.tanggal_mingguan) AS harga_mingguan,
        max(s.harga) FILTER (WHERE s.tanggal = p.tanggal_bulanan) AS harga_bulanan,
        max(s.status_sumber) FILTER (WHERE s.tanggal = p.per_tanggal) AS status_sumber,
        max(s.asal_data) AS asal_data,
        s.dataset
    FROM pembanding AS p
    INNER JOIN semua AS s
        ON s.sumber = p.sumber AND s.tingkat = p.tingkat AND s.tanggal BETWEEN p.per_tanggal - 36 AND p.per_tanggal
    GROUP BY ALL
)
SELECT
    s.per_tanggal,
    s.sumber,
    s.tingkat,
    s.jenis_barang,
    s.tempat,
    s.kode_bps,
    s.kode_sumber,
    s.kode_komoditas,
    s.barang,
    s.satuan,
    s.harga,
    s.tanggal_harian,
    s.harga_harian,
    CAST(100 * (s.harga - s.harga_harian) / nullif(s.harga_harian, 0) AS DECIMAL(12, 2)) AS ubah_harian,
    s.tanggal_mingguan,
    s.harga_mingguan,
    CAST(100 * (s.harga - s.harga_mingguan) / nullif(s.harga_mingguan, 0) AS DECIMAL(12, 2)) AS ubah_mingguan,
    s.tanggal_bulanan,
    s.harga_bulanan,
    CAST(100 * (s.harga - s.harga_bulanan) / nullif(s.harga_bulanan, 0) AS DECIMAL(12, 2)) AS ubah_bulanan,
    a.jenis AS jenis_acuan,
    a.harga_atas AS harga_acuan,
    CAST(100 * (s.harga - a.harga_atas) / a.harga_atas AS DECIMAL(12, 2)) AS selisih_acuan,
    a.keputusan AS keputusan_acuan,
    s.status_sumber,
    s.asal_data,
    s.dataset,
    CAST(s.per_tanggal AS VARCHAR) AS partisi
FROM seri AS s
LEFT JOIN core.dim_harga_acuan AS a
    ON
        a.dapat_dipakai
        AND a.kode_komoditas = s.kode_komoditas
        AND a.satuan = s.satuan
        AND (a.zona = 'tanpa zona' OR list_contains(a.provinsi_zona, left(s.kode_bps, 2)))
        AND s.per_tanggal BETWEEN a.berlaku_dari AND coalesce(a.berlaku_sampai, DATE '9999-12-31')
