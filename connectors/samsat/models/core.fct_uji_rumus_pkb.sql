/* ---
description: >-
  Hasil pemeriksaan jumlah yang dikirim Samsat dengan rumus dan tarif bertanggal (samsat.tarif), per hari dan UPT. Jumlah
  dari Samsat tidak diganti. Yang diuji adalah pembayaran satu periode dengan warna plat yang tarifnya diketahui; selisih
  lebih dari Rp1 pada PKB, opsen atau dendanya dihitung menyimpang.
grain: Satu baris per tanggal, UPT dan asal data
partition: tanggal
columns:
  tanggal: {description: Tanggal bayar (WIB)., classification: public}
  kode_upt: {description: Kode UPT tempat membayar., classification: public}
  jumlah_pembayaran: {description: Semua pembayaran., satuan: pembayaran, classification: public}
  jumlah_diuji: {description: Pembayaran yang dapat diuji., satuan: pembayaran, classification: public}
  jumlah_menyimpang: {description: Pembayaran yang menyimpang dari rumus., satuan: pembayaran, classification: public}
  selisih: {description: Yang dikirim dikurangi yang dihitung pada pembayaran yang diuji., satuan: Rp, classification: public}
  dasar_tarif: {description: "sumber bila semua tarif yang dipakai terdokumentasi untuk provinsi ini, selain itu asumsi.", classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH dengan_tarif AS (
    SELECT
        b.tanggal,
        b.kode_upt,
        b._asal AS asal_data,
        t.dasar,
        b.pkb_pokok,
        b.pkb_denda,
        b.opsen_pkb_pokok,
        b.opsen_pkb_denda,
        least(b.bulan_telat, t.bulan_maksimum) AS telat,
        t.denda_dasar,
        t.denda_bulanan,
        t.denda_opsen_dasar,
        t.denda_opsen_bulanan,
        t.tarif_opsen,
        CAST(t.tarif_pkb * t.pengenaan AS DECIMAL(9, 6)) * CAST(b.njkb * b.bobot AS DECIMAL(24, 5)) AS pkb
    FROM source.samsat__pembayaran_pkb AS b
    LEFT JOIN core.dim_upt AS u ON u.kode_upt = b.kode_upt
    LEFT JOIN source.samsat__tarif AS t
        ON
            t.kode_provinsi = left(u.kode_bps, 2)
            AND t.kode_plat = b.kode_plat
            AND b.jumlah_periode = 1
            AND coalesce(b.jatuh_tempo_lama, b.tanggal) >= t.berlaku_mulai
            AND (t.berlaku_sampai IS NULL OR coalesce(b.jatuh_tempo_lama, b.tanggal) <= t.berlaku_sampai)
),

dihitung AS (
    SELECT
        tanggal,
        kode_upt,
        asal_data,
        dasar,
        pkb,
        pkb_pokok - pkb AS beda_pkb,
        opsen_pkb_pokok - CAST(tarif_opsen AS DOUBLE) * pkb AS beda_opsen,
        pkb_denda
        - CASE WHEN telat > 0 THEN CAST(denda_dasar + denda_bulanan * telat AS DOUBLE) * pkb ELSE 0 END AS beda_denda,
        opsen_pkb_denda
        - CASE
            WHEN telat > 0 THEN CAST(denda_opsen_dasar + denda_opsen_bulanan * telat AS DOUBLE) * tarif_opsen * pkb
            ELSE 0
        END AS beda_denda_opsen
    FROM dengan_tarif
)
SELECT
    tanggal,
    kode_upt,
    CAST(count(*) AS BIGINT) AS jumlah_pembayaran,
    CAST(count(pkb) AS BIGINT) AS jumlah_diuji,
    CAST(
        count(*) FILTER (
            WHERE greatest(abs(beda_pkb), abs(beda_opsen), abs(beda_denda), abs(beda_denda_opsen)) > 1
        ) AS BIGINT
    ) AS jumlah_menyimpang,
    CAST(
        coalesce(sum(beda_pkb + beda_opsen + beda_denda + beda_denda_opsen), 0) AS DECIMAL(20, 2)
    ) AS selisih,
    CASE WHEN bool_and(dasar = 'sumber') THEN 'sumber' ELSE 'asumsi' END AS dasar_tarif,
    asal_data
FROM dihitung
GROUP BY tanggal, kode_upt, asal_data
