/* ---
description: >-
  Satu kosakata komoditas untuk semua sumber harga, dengan kuncinya pada tiap sumber bila padanannya exact. Harga hanya
  boleh dibandingkan antarsumber bila dapat_dibandingkan.
grain: Satu baris per komoditas
columns:
  kode_komoditas: {description: Kode komoditas kosakata bersama; kunci penyambung fakta harga., classification: public}
  nama_komoditas: {description: Nama baku komoditas., classification: public}
  kelompok: {description: "Kelompok pangan, misalnya beras atau bumbu.", classification: public}
  jenis: {description: barang atau kategori; kategori mengulang barang di bawahnya., classification: public}
  satuan: {description: "Satuan barang yang dihargai, kg atau liter.", classification: public}
  kode_pihps: {description: Kunci PIHPS dengan padanan exact., classification: public}
  kode_panel_harga: {description: Kunci Panel Harga dengan padanan exact., classification: public}
  nama_sp2kp: {description: Nama varian SP2KP dengan padanan exact., classification: public}
  jumlah_sumber: {description: Banyaknya sumber dengan padanan exact., satuan: sumber, classification: public}
  dapat_dibandingkan: {description: Benar bila sedikitnya dua sumber punya padanan exact., classification: public}
  padanan_lain: {description: "Padanan close dan broader, hanya petunjuk: sumber, nama dan kesepadanannya.", classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH padanan AS (
    SELECT
        kode_komoditas,
        max(kode_sumber) FILTER (WHERE kesepadanan = 'exact' AND sumber = 'pihps') AS kode_pihps,
        max(kode_sumber) FILTER (WHERE kesepadanan = 'exact' AND sumber = 'panel_harga') AS kode_panel_harga,
        max(kode_sumber) FILTER (WHERE kesepadanan = 'exact' AND sumber = 'sp2kp') AS nama_sp2kp,
        count(DISTINCT sumber) FILTER (WHERE kesepadanan = 'exact') AS jumlah_sumber,
        string_agg(sumber || ': ' || nama_sumber || ' (' || kesepadanan || ')', '; ' ORDER BY sumber, kode_sumber)
        FILTER (WHERE kesepadanan <> 'exact') AS padanan_lain
    FROM source.komoditas__padanan
    GROUP BY kode_komoditas
)
SELECT
    k.kode_komoditas,
    k.nama_komoditas,
    k.kelompok,
    k.jenis,
    k.satuan,
    p.kode_pihps,
    p.kode_panel_harga,
    p.nama_sp2kp,
    CAST(coalesce(p.jumlah_sumber, 0) AS INTEGER) AS jumlah_sumber,
    coalesce(p.jumlah_sumber, 0) >= 2 AS dapat_dibandingkan,
    p.padanan_lain,
    k._asal AS asal_data
FROM source.komoditas__komoditas AS k
LEFT JOIN padanan AS p ON p.kode_komoditas = k.kode_komoditas
