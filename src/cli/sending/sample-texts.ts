/**
 * What people of one country write, and the prefix of their numbers. The other digits are
 * generated, with too many zeros to be real.
 */
export interface Locale {
  readonly prefix: string;
  /** `{n}` becomes a number, `{t}` a time of day. */
  readonly texts: readonly string[];
  /** The most frequent word comes first. */
  readonly words: string;
  /** The separator between words, because some scripts use no spaces. */
  readonly between?: "";
}

export const LOCALES: readonly Locale[] = [
  {
    prefix: "+91900000",
    texts: [
      "Hello, is order #{n} on its way?",
      "नमस्ते, मेरा ऑर्डर {n} कब आएगा?",
      "धन्यवाद! {t} बजे मिलते हैं।",
      "Please share the invoice for {n} 🙏",
      "kal {t} ko meeting confirm hai?",
    ],
    words:
      "है में के का की को से और पर यह नहीं आप हम कब ऑर्डर पैसा दुकान सामान समय कल आज घर फोन पता bhai kal please bhej diya order wala " +
      "kitna number abhi जल्दी भेज दीजिए मिला रुपये गाड़ी रास्ता दोस्त सवाल जवाब बिल",
  },
  {
    prefix: "+1415555",
    texts: [
      "Hi! Can I move my appointment to {t}?",
      "Thanks, got it 👍",
      "Your code is {n}. Don't share it with anyone.",
      "100% sure? It says 'out of stock' on the site…",
      "Running late, be there around {t}",
    ],
    words:
      "the to you is for and my on it we can your in have order when please not delivery thanks today are tomorrow at package address " +
      "still morning payment back card store door number waiting refund ticket service driver evening table birthday",
  },
  {
    prefix: "+34600000",
    texts: [
      "¡Hola! ¿A qué hora abren mañana?",
      "El pedido {n} llegó roto 😞",
      "Perfecto, a las {t} entonces.",
      "¿Tienen talla mediana?",
    ],
    words:
      "de que la el en no por para un con lo mi está una hola cuando gracias pedido mañana tienda hoy envío precio también después " +
      "número dirección señor tarjeta cambio tarde semana pagar ¿cuánto? llegó recibí niño abierto domingo",
  },
  {
    prefix: "+55119000",
    texts: [
      "Bom dia! O pedido {n} já saiu?",
      "Não recebi o código de novo",
      "Obrigado! Até às {t} 😊",
      "Qual é o preço do frete?",
    ],
    words:
      "de o que a não para um com meu é em do da uma você pedido hoje amanhã obrigada loja preço endereço também cartão código quando " +
      "entrega manhã número vocês então atenção pagamento caixa promoção segunda ainda chegou devolução",
  },
  {
    prefix: "+49150000",
    texts: [
      "Guten Tag, wo bleibt Bestellung {n}?",
      "Passt, bis {t} Uhr. Schöne Grüße",
      "Könnten Sie die Straße noch ändern?",
    ],
    words:
      "ich die der und ist nicht das mit Sie bitte auf für den von heute wir morgen noch Lieferung Paket Rechnung können schön Termin " +
      "Adresse danke Größe zurück Nummer Straße Uhr wann später Geschäft Gutschein Fahrer Freitag über Türklingel",
  },
  {
    prefix: "+97150000",
    texts: ["مرحبا، أين طلبي رقم {n}؟", "شكرا جزيلا 🌹", "هل يمكن التوصيل الساعة {t}؟"],
    words:
      "في من على هل هذا إلى ما أنا عن لا طلب اليوم شكرا رقم غدا السعر التوصيل العنوان متى المحل الدفع ممكن الآن وصل الهاتف البيت سيارة " +
      "صباح مساء فاتورة بطاقة لون كبير صغير جديد",
  },
  {
    prefix: "+86130000",
    texts: ["你好,订单 {n} 什么时候到?", "收到,谢谢!", "可以改到 {t} 吗?"],
    words:
      "的 我 你 了 是 在 不 有 这个 请 订单 快递 今天 明天 什么 时候 谢谢 地址 可以 多少钱 电话 收到 退款 商店 已经 没有 早上 晚上 发票 颜色 尺码 " +
      "司机 门口 星期五 帮忙 等一下 客服",
    between: "",
  },
  {
    prefix: "+81900000",
    texts: ["注文番号{n}の件でお問い合わせです。", "ありがとうございます😊", "{t}に伺います。"],
    words:
      "の は を に が で です ます 注文 お願い 今日 明日 配達 番号 住所 いつ 届き ください 商品 まだ 電話 お店 料金 カード 午前 午後 確認 サイズ 返品 " +
      "変更 時間 荷物 領収書 メール 金曜日 玄関 予約",
    between: "",
  },
  {
    prefix: "+38050000",
    texts: ["Добрий день! Де моє замовлення {n}?", "Дякую, чекаю о {t}", "Чи є доставка в суботу?"],
    words:
      "на не я в що до і як з за ви це моє коли сьогодні завтра замовлення доставка дякую будь ласка адреса номер ще оплата магазин " +
      "картка вранці ввечері розмір повернення пошта колір їжа ґанок п'ятниця водій",
  },
  {
    prefix: "+82100000",
    texts: ["안녕하세요, 주문 {n} 언제 도착하나요?", "네 감사합니다 ㅎㅎ", "{t}에 뵐게요"],
    words:
      "네 이 그 안 주문 언제 오늘 내일 배송 감사합니다 번호 주소 좀 있나요 도착 환불 가게 전화 결제 카드 시간 아침 저녁 사이즈 색상 영수증 기사님 문앞 " +
      "금요일 확인 부탁드려요 아직 교환 예약",
  },
  {
    prefix: "+66800000",
    texts: ["สวัสดีค่ะ ออเดอร์ {n} ส่งหรือยังคะ", "ขอบคุณค่ะ 🙏", "เจอกัน {t} นะ"],
    words:
      "ค่ะ ครับ ไม่ ที่ ได้ มี ส่ง ของ วันนี้ พรุ่งนี้ ร้าน ราคา เท่าไหร่ ออเดอร์ ที่อยู่ เบอร์ โทร บ้าน เมื่อไหร่ แล้ว ยัง จ่าย บัตร เช้า เย็น คืน สี " +
      "ใหญ่ เล็ก ใหม่ วันศุกร์ คนขับ รอ ช่วย",
    between: "",
  },
  {
    prefix: "+30690000",
    texts: [
      "Καλημέρα, πού βρίσκεται η παραγγελία {n};",
      "Ευχαριστώ πολύ!",
      "ΟΔΌΣ ή Οδός; Γράψτε τη σωστά παρακαλώ",
    ],
    words:
      "το η και να για την με ο είναι δεν σας από στο μου σήμερα αύριο πότε παραγγελία παράδοση τιμή ευχαριστώ διεύθυνση αριθμός κάρτα " +
      "πρωί βράδυ κατάστημα ακόμα τηλέφωνο μέγεθος χρώμα απόδειξη οδηγός πόρτα Παρασκευή οδός",
  },
  {
    prefix: "+97252000",
    texts: ["שלום, מה קורה עם הזמנה {n}?", "תודה רבה", "נתראה בשעה {t}"],
    words:
      "את של לא אני זה על מה יש עם לי הזמנה היום מחר משלוח תודה מתי כתובת מספר חנות מחיר בבקשה כרטיס טלפון עוד בוקר ערב קבלה צבע מידה גדול " +
      "קטן חדש שליח דלת יום",
  },
];

/** The receivers of messages. */
export const RECEIVERS: readonly string[] = ["+14155550100", "+14155550101", "+442079460000"];

/** Occurs in one message in a hundred, in no other word, and in every language. */
export const COMMON_WORD = "voucher";
/**
 * Occurs in one message in 500,000, and in three of every 10,000 or more that are generated
 * together.
 */
export const RARE_WORD = "xylophone";
